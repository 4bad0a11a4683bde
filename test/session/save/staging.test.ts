import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeldDirectory } from '../../../src/host/tree/held-directory.ts';
import { renderMetadata } from '../../../src/session/save/metadata.ts';
import { betweenNames, promote, settle, stagingNames } from '../../../src/session/save/staging.ts';
import { findSession, listSessions } from '../../../src/session/save/store.ts';
import { seed, seededRandom } from '../../helpers/random.ts';

const id = '0b8f5e0e-0000-4000-8000-000000000001';
let dir = '';
let held: HeldDirectory;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-staging-'));
  held = HeldDirectory.at(dir);
});
afterEach(async () => {
  for (const child of children.splice(0)) await end(child);
  held[Symbol.dispose]();
  rmSync(dir, { recursive: true });
});

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'close');
}

/** A process that is gone. */
function gone(): number {
  return Number(execFileSync('sh', ['-c', 'echo $$']).toString());
}

/** A copy under a name; without the second it was cut off before it was complete. */
function put(name: string, savedAt?: string): void {
  mkdirSync(join(dir, name));
  writeFileSync(join(dir, name, 'data'), name);
  if (savedAt === undefined) return;
  const metadata = { id, container: 'c', persistent: false, workspace: '/w', savedAt, leftOut: 0 };
  writeFileSync(join(dir, name, 'metadata.json'), renderMetadata(metadata));
}

const [earlier, later] = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'];
const dataOf = (name: string) => {
  const file = join(dir, name, 'data');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
};

describe('A save that was cut off', () => {
  test.each([
    { when: 'while the new copy was written', there: { [id]: earlier, new: undefined }, left: id },
    { when: 'before the old copy was moved aside', there: { [id]: earlier, new: later }, left: id },
    { when: 'between the two names', there: { old: earlier, new: later }, left: 'new' },
    { when: 'before the old copy was removed', there: { [id]: later, old: earlier }, left: id },
    { when: 'when there was no old copy', there: { new: undefined }, left: undefined },
    { when: 'with an old copy that has lost its place', there: { old: earlier, new: undefined }, left: 'old' },
  ])('$when leaves the old copy or the new one, and nothing else', ({ there, left }) => {
    const writer = `${id}-${gone()}-1`;
    const nameOf = (short: string) => (short === id ? id : `.${short}-${writer}`);
    for (const [short, savedAt] of Object.entries(there)) put(nameOf(short), savedAt);
    // Whoever only looks sees it already.
    expect(listSessions(held).map((session) => session.id)).toEqual(left === undefined ? [] : [id]);
    settle(held);
    expect(readdirSync(dir)).toEqual(left === undefined ? [] : [id]);
    expect(dataOf(id)).toBe(left === undefined ? undefined : nameOf(left));
  });

  test('is left alone while its process lives', () => {
    const { fresh, old } = stagingNames(id);
    put(fresh, later);
    put(old, earlier);
    settle(held);
    expect(readdirSync(dir).toSorted()).toEqual([fresh, old].toSorted());
    expect(betweenNames(held)).toEqual(new Map([[id, fresh]]));
  });

  test('is cleaned up after when its process id is another one by now', () => {
    const name = `.new-${id}-${process.pid}-1`;
    put(name, later);
    put(id, earlier);
    settle(held);
    expect(readdirSync(dir)).toEqual([id]);
  });

  test('is nothing when something else has such a name', () => {
    writeFileSync(join(dir, `.new-${id}-1-1`), '');
    symlinkSync('/etc', join(dir, `.old-${id}-${gone()}-1`));
    put('.new-..-1-1', later);
    expect(betweenNames(held)).toEqual(new Map());
    settle(held);
    expect(existsSync('/etc/passwd')).toBe(true);
    expect(existsSync(join(dir, id))).toBe(false);
  });
});

test('promote() puts a link aside that has the name of the session', () => {
  mkdirSync(join(dir, 'elsewhere'));
  writeFileSync(join(dir, 'elsewhere/precious'), '');
  symlinkSync('elsewhere', join(dir, id));
  const { fresh } = stagingNames(id);
  put(fresh, later);
  promote(held, id);
  expect(dataOf(id)).toBe(fresh);
  expect(readdirSync(join(dir, 'elsewhere'))).toEqual(['precious']);
});

function replacing(label: string): ChildProcess {
  const program = new URL('./fixtures/replace-forever.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, [program, dir, id, label], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

/** The one generation that all files of the session are of. */
function generation(name: string): string {
  const files = ['one', 'two', 'three'].map((file) => readFileSync(join(dir, name, file), 'utf8'));
  expect(new Set(files).size).toBe(1);
  return files[0]!;
}

test('a process killed at any moment leaves a whole session, that of its last end or the one after', async () => {
  const random = seededRandom(seed);
  for (let round = 0; round < 12; round += 1) {
    const child = replacing(`${round}.`);
    let last = 0;
    child.stdout!.on('data', (text: Buffer) => (last = Number(text.toString().trim().split('\n').at(-1))));
    await once(child.stdout!, 'data');
    await sleep(60 * random());
    await end(child);
    expect(findSession(held, id)).toMatchObject({ id, hasData: true });
    settle(held);
    expect(readdirSync(dir)).toEqual([id]);
    expect([`${round}.${last}`, `${round}.${last + 1}`]).toContain(generation(id));
  }
});

test('several processes replace one session at once, and each time it is looked at it is there', async () => {
  const both = [replacing('a'), replacing('b')];
  await Promise.all(both.map(({ stdout }) => once(stdout!, 'data')));
  for (let look = 0; look < 200; look += 1) {
    expect(listSessions(held).map((session) => session.id)).toContain(id);
    if (look % 20 === 0) await sleep(5);
  }
  expect(both.map(({ exitCode }) => exitCode)).toEqual([null, null]);
  for (const child of both) await end(child);
  settle(held);
  expect(readdirSync(dir)).toEqual([id]);
  generation(id);
});
