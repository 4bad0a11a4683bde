import { readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { processAt } from '../../../../src/host/process/container-process.ts';
import { Sandboxes } from '../../../../src/monitor/sensors/process/sandboxes.ts';
import type { WatchedContainer } from '../../../../src/monitor/sensor.ts';
import { FakeClock } from '../../../helpers/fake-clock.ts';
import { monitoring } from './watcher.ts';

const init = processAt(process.pid)!;
const namespace = statSync('/proc/self/ns/pid').ino;
const mine: WatchedContainer = { uid: 'u1', name: 'a', instance: 'coi-a', init, addresses: [], monitoring };
const other = { pid: 1, startedAt: '1' };

function made() {
  const clock = new FakeClock();
  const given: string[] = [];
  return {
    clock,
    given,
    sandboxes: new Sandboxes<string>(clock, ({ uid }, item) => void given.push(`${uid} ${item}`)),
  };
}

describe('Namespaces', () => {
  it('are those of the sandboxes that run and are to be watched', async () => {
    const { sandboxes } = made();
    const off = { ...mine, monitoring: { ...monitoring, enabled: false } };
    expect(await sandboxes.look(() => [off, { ...mine, init: undefined }])).toEqual([]);
    expect(await sandboxes.look(() => [mine])).toMatchObject([{ uid: 'u1', namespace }]);
    expect(await sandboxes.look(() => [mine])).toEqual([]);
    expect(sandboxes.find(namespace, 'x')).toMatchObject({ uid: 'u1', users: [{ inside: 0, outside: 0 }] });
    expect(readFileSync('/proc/self/uid_map', 'utf8')).toContain('0');
  });

  it('give what was held to whom they turn out to belong to', async () => {
    const { sandboxes, given } = made();
    expect(sandboxes.find(namespace, 'first')).toBeUndefined();
    sandboxes.find(namespace + 1, 'not his');
    await sandboxes.look(() => [mine]);
    expect(given).toEqual(['u1 first']);
  });

  it('hold nothing for long, nor much', async () => {
    const { sandboxes, given, clock } = made();
    for (let item = 0; item < 5_000; item += 1) sandboxes.find(namespace, String(item));
    await sandboxes.look(() => [mine]);
    expect(given).toHaveLength(512);
    given.length = 0;
    await sandboxes.look(() => []);
    sandboxes.find(namespace, 'old');
    await clock.advance(6_000);
    sandboxes.find(namespace, 'late');
    await sandboxes.look(() => [mine]);
    expect(given).toEqual([]);
  });

  it('are others when another first process starts in one of the same number', async () => {
    const { sandboxes, given, clock } = made();
    await sandboxes.look(() => [mine]);
    sandboxes.begin(namespace, init);
    expect(sandboxes.find(namespace, 'own')).toBeDefined();
    sandboxes.begin(namespace, other);
    expect(sandboxes.find(namespace, 'foreign')).toBeUndefined();
    await clock.advance(10_000);
    // Its first process may start several programs, one in the place of the other.
    sandboxes.begin(namespace + 1, other);
    sandboxes.find(namespace + 1, 'first');
    sandboxes.begin(namespace + 1, other);
    expect(given).toEqual([]);
    sandboxes.begin(namespace, init);
    sandboxes.find(namespace, 'again');
    await sandboxes.look(() => [mine]);
    expect(given).toEqual(['u1 again']);
  });
});
