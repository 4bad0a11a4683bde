import { execFile } from 'node:child_process';
import { appendFile, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { needsPolling } from '../../src/source/remote-file-systems.ts';
import { watchDirectory } from '../../src/source/watch.ts';
import { declares, declaresMemory, Directory, namesOf, never } from './fixtures/directory.ts';

const run = promisify(execFile);

/** Changes all files of a directory at once, from another process as in life. */
const rewriteAll = `
  const { readdirSync, readFileSync, writeFileSync } = require('node:fs');
  const [path] = process.argv.slice(1);
  for (const name of readdirSync(path).filter((each) => !each.startsWith('.'))) {
    const file = path + '/' + name;
    writeFileSync(file, readFileSync(file, 'utf8').replace('1GiB', '2GiB'));
  }`;

/** Counts hints, and waits for them. */
class Hints {
  count = 0;
  readonly hit = (): void => {
    this.count += 1;
    this.#wake();
  };
  #wake: () => void = () => undefined;

  /** Wait until no more hints come. */
  async rest(): Promise<void> {
    for (let before = -1; before !== this.count; await sleep(450)) before = this.count;
  }

  /** Milliseconds that `act` and the first hint after it take. */
  async after(act: () => Promise<unknown>, withinMs = 1_900): Promise<number> {
    const start = performance.now();
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#wake = () => resolve(performance.now() - start);
    await act();
    return await Promise.race([promise, sleep(withinMs, Number.POSITIVE_INFINITY)]);
  }
}

/** What comes sooner was told by an event: links are polled every 2 s, everything is looked at every 30 s. */
const pollMs = 1_900;
const rescanMs = 20_000;

async function watched(directory: Directory, path = directory.path) {
  const source = await directory.open({ path });
  const hints = new Hints();
  const watch = source.watch(hints.hit);
  await hints.rest();
  return { source, hints, [Symbol.asyncDispose]: () => watch[Symbol.asyncDispose]() };
}

describe('watching a directory', () => {
  it('gives a hint of every save, also of the second and third, before any poll', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    await using watch = await watched(directory);
    for (let round = 0; round < 9; round += 1) {
      const save = () => directory.save('a.toml', declaresMemory('one', `${round + 1}GiB`));
      expect(await watch.hints.after(save)).toBeLessThan(pollMs);
      await sleep(260);
    }
  });

  it.each<[string, (directory: Directory) => Promise<unknown>]>([
    ['a new file', (directory) => directory.write('new.toml', declares('new'))],
    ['a file written in place', (directory) => writeFile(directory.at('a.toml'), declares('other'))],
    ['a file taken away', (directory) => rm(directory.at('a.toml'))],
    ['a file renamed', (directory) => rename(directory.at('a.toml'), directory.at('z.toml'))],
    ['a file in a folder', (directory) => writeFile(directory.at('folder/b.toml'), declares('three'))],
    [
      'sed -i, which takes any name for its temporary file',
      async (directory) => {
        await writeFile(directory.at('sedXk2a'), declares('other'));
        await rename(directory.at('sedXk2a'), directory.at('a.toml'));
      },
    ],
    [
      'a folder moved in',
      async (directory) => {
        await mkdir(directory.beside('new'));
        await writeFile(directory.beside('new/c.toml'), declares('three'));
        await rename(directory.beside('new'), directory.at('new'));
      },
    ],
    ['a folder taken away', (directory) => rename(directory.at('folder'), directory.beside('gone'))],
    [
      'vim, which moves the old file away first',
      async (directory) => {
        await rename(directory.at('a.toml'), directory.at('a.toml~'));
        await writeFile(directory.at('a.toml'), declares('other'));
        await rm(directory.at('a.toml~'));
      },
    ],
  ])('sees %s', async (_what, act) => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    await directory.write('folder/b.toml', declares('two'));
    await using watch = await watched(directory);
    expect(await watch.hints.after(() => act(directory))).toBeLessThan(pollMs);
  });

  it('sees files in a folder that was made later', async () => {
    await using directory = await Directory.create();
    await using watch = await watched(directory);
    await mkdir(directory.at('later'));
    await watch.hints.rest();
    expect(await watch.hints.after(() => directory.write('later/a.toml', declares('one')))).toBeLessThan(pollMs);
  });

  it('is not disturbed by hidden files and what editors leave behind', async () => {
    await using directory = await Directory.create();
    await using watch = await watched(directory);
    const act = async () => {
      await directory.write('.a.toml.swp', 'x');
      await directory.write('4913', 'x');
      await directory.write('a.toml~', 'x');
    };
    expect(await watch.hints.after(act, 600)).toBe(Number.POSITIVE_INFINITY);
  });

  it('sees a ConfigMap exchange its ..data', async () => {
    await using directory = await Directory.create();
    await directory.write('..v1/a.toml', declares('one'));
    await directory.write('..v2/a.toml', declares('two'));
    await symlink('..v1', directory.at('..data'));
    await symlink('..data/a.toml', directory.at('a.toml'));
    await using watch = await watched(directory);
    await symlink('..v2', directory.at('..tmp'));
    await sleep(250);
    expect(await watch.hints.after(() => rename(directory.at('..tmp'), directory.at('..data')))).toBeLessThan(pollMs);
  });

  it('follows a link that is pointed elsewhere', async () => {
    await using directory = await Directory.create();
    await directory.write('rev1/a.toml', declares('one'));
    await directory.write('rev2/a.toml', declares('two'));
    await symlink('rev1', directory.at('current'));
    await using watch = await watched(directory, directory.at('current'));
    const retarget = async () => {
      await symlink('rev2', directory.at('next'));
      await rename(directory.at('next'), directory.at('current'));
    };
    expect(await watch.hints.after(retarget, 25_000)).toBeLessThan(rescanMs);
    await watch.hints.rest();
    expect(namesOf(await watch.source.read(never))).toEqual(['two']);
    const elsewhere = () => appendFile(directory.at('rev1/a.toml'), '# x\n');
    expect(await watch.hints.after(elsewhere, 300)).toBe(Number.POSITIVE_INFINITY);
    expect(await watch.hints.after(() => appendFile(directory.at('rev2/a.toml'), '# x\n'))).toBeLessThan(pollMs);
  });

  it('picks up a directory that appears later, and one that was made anew', async () => {
    await using directory = await Directory.create();
    await rm(directory.path, { recursive: true });
    await using watch = await watched(directory);
    const appear = () => directory.write('a.toml', declares('one'));
    expect(await watch.hints.after(appear, 25_000)).toBeLessThan(rescanMs);
    await watch.hints.rest();
    expect(await watch.hints.after(() => directory.save('a.toml', declares('two')))).toBeLessThan(pollMs);
    await rm(directory.path, { recursive: true });
    await sleep(2_500);
    await watch.hints.rest();
    expect(await watch.hints.after(appear, 25_000)).toBeLessThan(rescanMs);
  }, 20_000);

  it('looks for changes where the file system tells of none', async () => {
    await using directory = await Directory.create();
    await directory.write('folder/a.toml', declares('one'));
    const hints = new Hints();
    await using _watch = watchDirectory({
      path: directory.path,
      clock: systemClock,
      onHint: hints.hit,
      needsPolling: async () => true,
    });
    await hints.rest();
    const modify = () => appendFile(directory.at('folder/a.toml'), '# x\n');
    expect(await hints.after(modify, 6_000)).toBeLessThan(5_000);
    expect(await hints.after(() => directory.write('b.toml', declares('two')), 6_000)).toBeLessThan(5_000);
    expect(await needsPolling(directory.path)).toBe(false);
  }, 20_000);

  it('gathers a burst, and its last hint comes after its last change', async () => {
    await using directory = await Directory.create();
    const names = Array.from({ length: 2_000 }, (_, index) => `s${index}`);
    for (const name of names) await directory.write(`${name}.toml`, declaresMemory(name, '1GiB'));
    await using watch = await watched(directory);
    await watch.source.read(never);
    const before = watch.hints.count;
    const start = performance.now();
    await run(process.execPath, ['-e', rewriteAll, directory.path]);
    await watch.hints.rest();
    const windows = Math.ceil((performance.now() - start) / 200) + 2;
    expect(watch.hints.count - before).toBeLessThanOrEqual(windows);
    const read = await watch.source.read(never);
    expect(read.kind).toBe('complete');
    if (read.kind !== 'complete') return;
    const limits = new Set([...read.manifests.values()].map(({ sandbox }) => sandbox.limits.memory?.limit));
    expect([read.manifests.size, [...limits]]).toEqual([2_000, ['2GiB']]);
  }, 60_000);

  it('never leaves a slow writer half read', async () => {
    await using directory = await Directory.create();
    await using watch = await watched(directory);
    const whole = declaresMemory('slow', '1GiB');
    await writeFile(directory.at('slow.toml'), '', { mode: 0o644 });
    for (let at = 0; at < whole.length; at += 12) {
      await appendFile(directory.at('slow.toml'), whole.slice(at, at + 12));
      await sleep(40);
    }
    await watch.hints.rest();
    expect(await watch.source.read(never)).toMatchObject({ kind: 'complete' });
  });
});
