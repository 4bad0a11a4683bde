import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Image } from '../../src/host/incus/images.ts';
import { keepImages, type KeepImagesInit } from '../../src/image/keep-images.ts';
import { retainVersions } from '../../src/image/retain.ts';
import { renderVersion } from '../../src/image/versions.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const minuteMs = 60_000;
const dayMs = 1_440 * minuteMs;

/** Images of this host: deleted ones are gone. */
class Host {
  images: Image[] = [];
  isAway = false;
  lists = 0;

  add(name: string, count: number, properties: Image['properties'] = { 'coi.definition': name }): void {
    for (let at = 0; at < count; at += 1) {
      const aliases = [renderVersion(name, Date.parse('2026-01-01T00:00:00Z') + at * 1_000)];
      if (at === count - 1) aliases.push(name);
      const image = { fingerprint: `${name}${at}`, aliases, properties } as unknown as Image;
      this.images.push(image);
    }
  }

  incus(): KeepImagesInit['incus'] {
    const images = {
      list: async () => {
        this.lists += 1;
        if (this.isAway) throw new Error('Incus is away');
        return this.images;
      },
      get: async (fingerprint: string) => this.images.find((each) => each.fingerprint === fingerprint),
      delete: async (fingerprint: string) => {
        this.images = this.images.filter((each) => each.fingerprint !== fingerprint);
      },
    };
    return { images, operations: { finish: async () => ({}) } } as unknown as KeepImagesInit['incus'];
  }

  left(): string[] {
    return this.images.map(({ fingerprint }) => fingerprint);
  }
}

let host: Host;
let clock: FakeClock;
let stop: AbortController;
let told: string[];
let running: Promise<void> | undefined;

beforeEach(() => {
  [host, clock, stop, told] = [new Host(), new FakeClock(), new AbortController(), []];
  running = undefined;
});
afterEach(async () => {
  stop.abort();
  await running;
});

function begin(more: Partial<KeepImagesInit> = {}): void {
  running = keepImages({
    incus: host.incus(),
    clock,
    signal: stop.signal,
    keep: 2,
    users: () => [],
    tell: (text, isFailure) => void told.push(`${isFailure ? 'failed: ' : ''}${text}`),
    ...more,
  });
}

async function pass(ms: number): Promise<void> {
  await setImmediate();
  await clock.advance(ms);
  await setImmediate();
}

test('not at once, and then once a day, old versions of what definitions made go', async () => {
  host.add('tools', 4);
  host.add('by-hand', 4, {});
  begin();
  await pass(9 * minuteMs);
  expect([host.lists, host.left()]).toEqual([0, host.left()]);
  await pass(minuteMs);
  expect(host.left()).toEqual(['tools2', 'tools3', 'by-hand0', 'by-hand1', 'by-hand2', 'by-hand3']);
  expect(told).toEqual(['Removed tools-20260101-000001', 'Removed tools-20260101-000000']);
  host.add('more', 3);
  await pass(dayMs - minuteMs);
  expect(host.lists).toBe(1);
  await pass(minuteMs);
  expect([host.lists, host.left().filter((each) => each.startsWith('more'))]).toEqual([2, ['more1', 'more2']]);
});

test('after a build, too, nothing goes that no definition made, and nothing of another name', async () => {
  host.add('tools', 3);
  host.add('other', 3);
  const [oldest] = host.images;
  Object.assign(oldest!, { properties: { description: 'published by hand' } });
  const tools = { incus: host.incus(), signal: AbortSignal.timeout(60_000) };
  expect(await retainVersions(tools, { keep: 1, users: [], only: 'tools' })).toEqual(['tools-20260101-000001']);
  expect(host.left()).toEqual(['tools0', 'tools2', 'other0', 'other1', 'other2']);
});

test('what a sandbox is declared with stays, as of the very moment, and each name has a number of its own', async () => {
  host.add('tools', 4);
  host.add('other', 4);
  const images: string[] = [];
  begin({
    users: () => images.map((image) => ({ name: 'sandbox web', image })),
    keep: (name) => (name === 'other' ? 3 : 1),
  });
  images.push('tools-20260101-000001', 'other-20260101-000000');
  await pass(10 * minuteMs);
  expect(host.left()).toEqual(['tools1', 'tools3', 'other0', 'other1', 'other2', 'other3']);
});

test('what is named by the beginning of a fingerprint stays, too', async () => {
  host.add('abcdef0123456789', 3);
  begin({ users: () => [{ name: 'sandbox web', image: 'abcdef0123456789' }], keep: 1 });
  await pass(10 * minuteMs);
  expect(host.left()).toEqual(['abcdef01234567890', 'abcdef01234567891', 'abcdef01234567892']);
});

test('a day on which Incus is away is told, and the next one is another', async () => {
  host.add('tools', 3);
  host.isAway = true;
  begin();
  await pass(10 * minuteMs);
  expect(told).toEqual(['failed: Incus is away']);
  host.isAway = false;
  await pass(dayMs);
  expect(host.left()).toEqual(['tools1', 'tools2']);
});

test('ends with its signal, without a word', async () => {
  begin();
  await pass(minuteMs);
  stop.abort();
  await running;
  expect([told, host.lists]).toEqual([[], 0]);
});
