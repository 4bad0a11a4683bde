import { chmod, mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireSameMounts } from '../../../src/host/mount/same-mounts.ts';
import { openLab, type Lab } from '../../lab/lab.ts';
import { until } from '../../lab/until.ts';
import { protectedPathFault } from '../../../src/spec/protected-paths.ts';

/** What shells, mount(8) and the list of mounts make something of. */
const signs = Array.from('a -$`"\'\\;|&<>*?[](){}!#~=%@:,…ü\u{1F600}');

const script = join(import.meta.dirname, 'prepare-again.ts');

let lab: Lab;

beforeAll(async () => {
  lab = await openLab({ name: 'trees', images: [] });
});
afterAll(() => lab?.[Symbol.asyncDispose]());

interface Outcome {
  readonly foreign: readonly string[];
  readonly refusals: readonly string[];
  readonly covered: readonly string[];
  readonly leftovers: readonly string[];
}

async function workspaceNamed(name: string): Promise<string> {
  const path = join(lab.dir, name);
  await mkdir(path);
  await chmod(path, 0o755);
  return path;
}

/** Makes trees inside of the lab, and looks at them there. */
async function prepare(workspace: string, times: number, paths: readonly string[], env = {}): Promise<Outcome> {
  const argv = [process.execPath, script, join(lab.dir, 'trees'), workspace, String(times), ...paths];
  return JSON.parse(await lab.inside.output(argv, { timeoutMs: 120_000, env })) as Outcome;
}

/** A mount(8) that notes how many of it run at once, and ends as `fails` says. */
async function otherMount(name: string, fails: string): Promise<{ readonly env: object; readonly notes: string }> {
  const [bin, notes] = [join(lab.dir, name), join(lab.dir, `${name}.txt`)];
  await mkdir(bin);
  const real = await lab.inside.output(['which', 'mount']);
  const text = `#!/bin/sh\n${fails}\nmkdir -p ${bin}/now/$$; ls ${bin}/now | wc -l >>${notes}\n${real} "$@"; end=$?\nrmdir ${bin}/now/$$\nexit $end\n`;
  await writeFile(join(bin, 'mount'), text, { mode: 0o755 });
  return { env: { PATH: `${bin}:${process.env['PATH']}` }, notes };
}

describe('a tree of mounts', () => {
  it('shows nothing foreign while its workspace is changed under it', async () => {
    const workspace = await workspaceNamed('raced');
    // Directories become links to /etc and come back, as fast as it goes, and from where nothing is mounted on them.
    const swap = (name: string) =>
      `while :; do rm -rf ${name}; ln -s /etc ${name}; rm -f ${name}; mkdir ${name}; done 2>/dev/null`;
    const apart = ['unshare', '-m', '--propagation', 'private', 'sh', '-c'];
    const racers = ['.vscode', '.husky', '.git'].map((name) => lab.spawn([...apart, swap(name)], { cwd: workspace }));
    try {
      const { foreign, leftovers } = await prepare(workspace, 40, ['.git/config', '.git/hooks', '.husky', '.vscode']);
      expect({ foreign, leftovers }).toEqual({ foreign: [], leftovers: [] });
    } finally {
      await Promise.all(racers.map((racer) => racer.stop('SIGKILL')));
    }
  });

  it('covers paths of any name, and none but those', async () => {
    const workspace = await workspaceNamed('named');
    const part = fc
      .string({ unit: fc.constantFrom(...signs), minLength: 1, maxLength: 12 })
      .filter((name) => protectedPathFault(name) === undefined);
    const paths = [...new Set(fc.sample(part, { numRuns: 40, seed: 1 }))];
    const { foreign, covered, leftovers } = await prepare(workspace, 1, ['--', '-rf', '$(touch x)', ...paths]);
    expect({ foreign, leftovers }).toEqual({ foreign: [], leftovers: [] });
    expect(covered.toSorted()).toEqual(['--', '-rf', '$(touch x)', ...paths].toSorted());
    // What was made for them is gone, and nothing else was made.
    expect(await readdir(workspace)).toEqual([]);
  });

  it('takes one process at a time, and few of them, however many paths there are', async () => {
    const workspace = await workspaceNamed('many');
    const paths = Array.from({ length: 60 }, (_, count) => `d${count % 8}/e${count % 4}/f${count}`);
    const { env, notes } = await otherMount('counting', 'sleep 0.1');
    const { covered, refusals } = await prepare(workspace, 1, paths, env);
    expect({ covered: covered.length, refusals }).toEqual({ covered: 8, refusals: [] });
    await Promise.all(paths.map((path) => mkdir(join(workspace, path), { recursive: true })));
    expect((await prepare(workspace, 1, paths, env)).covered).toHaveLength(60);
    const atOnce = (await readFile(notes, 'utf8')).trim().split('\n').map(Number);
    expect(Math.max(...atOnce)).toBe(1);
    // Two trees: three for each, one for its top, and one for each directory on the way in the second.
    expect(atOnce.length).toBeLessThanOrEqual(2 * 3 + 1 + 1 + 8 + 32);
  });

  it('is there at once with all that it covers, and never without', async () => {
    const workspace = await workspaceNamed('at-once');
    const tree = join(lab.dir, 'trees/01JZZZZZZZZZZZZZZZZZZZZZZZ/tree');
    const look = `grep -c ' ${tree}[ /]' /proc/self/mountinfo >>${lab.dir}/looks`;
    const { env } = await otherMount('looking', look);
    const { covered } = await prepare(workspace, 1, ['.husky', '.vscode', 'a/b'], env);
    expect(covered).toEqual(['.husky', '.vscode', 'a']);
    const looks = (await readFile(join(lab.dir, 'looks'), 'utf8')).trim().split('\n');
    // Its top, its view, all that it covers, and the whole.
    expect(looks).toEqual(['0', '0', '0', '0']);
  });

  it('is none at all when one path cannot be covered, whatever kept it from that', async () => {
    const workspace = await workspaceNamed('failing');
    // As when no more processes may be started.
    const third = `echo x >>${lab.dir}/calls; [ $(wc -l <${lab.dir}/calls) -ge 3 ] && exit 1`;
    const { env } = await otherMount('third', third);
    const { covered, refusals, leftovers } = await prepare(workspace, 1, ['.husky', '.vscode', 'a', 'b'], env);
    expect({ covered, leftovers }).toEqual({ covered: [], leftovers: [] });
    expect(refusals).toEqual([expect.stringContaining('of the workspace cannot be protected: mount failed')]);
    expect(await readdir(workspace)).toEqual([]);
  });

  it('is none at all when one of many mounts fails, and says which', async () => {
    const workspace = await workspaceNamed('one-failing');
    const second = `case "$*" in *--all*) for table; do :; done; sed -i '2s#^/proc/self/fd/[0-9]*#/proc/self/fd/99#' "$table" ;; esac`;
    const { env } = await otherMount('second', second);
    const { covered, refusals, leftovers } = await prepare(workspace, 1, ['.husky', '.vscode', 'a'], env);
    expect({ covered, leftovers }).toEqual({ covered: [], leftovers: [] });
    expect(refusals).toEqual([expect.stringContaining('".vscode" of the workspace cannot be protected: mount failed')]);
    expect(await readdir(workspace)).toEqual([]);
  });

  it('is none at all when mount(8) passes one over and says nothing', async () => {
    const workspace = await workspaceNamed('one-passed-over');
    const second = `case "$*" in *--all*) for table; do :; done; sed -i 2d "$table" ;; esac`;
    const { env } = await otherMount('passing-over', second);
    const { covered, refusals, leftovers } = await prepare(workspace, 1, ['.husky', '.vscode', 'a'], env);
    expect({ covered, leftovers }).toEqual({ covered: [], leftovers: [] });
    expect(refusals).toEqual([
      expect.stringContaining('".vscode" of the workspace cannot be protected: it is not covered'),
    ]);
    expect(await readdir(workspace)).toEqual([]);
  });

  it('does not show on the host, also where mounts are shared', async () => {
    const workspace = await workspaceNamed('shared');
    await mkdir(join(workspace, '.vscode'));
    await lab.inside.output(['mount', '--bind', workspace, workspace]);
    await lab.inside.output(['mount', '--make-shared', workspace]);
    const { foreign, covered } = await prepare(workspace, 1, ['.vscode']);
    expect(covered).toEqual(['.vscode']);
    // The workspace itself is a mount here; below it there is none.
    expect([...new Set(foreign)].filter((each) => each !== `something at ${workspace}`)).toEqual([]);
  });

  it('is not made where incusd would not find it', async () => {
    const apart = lab.spawn(['sleep', '60']);
    const own = await readlink('/proc/self/ns/mnt');
    await until('it to be there', async () => (await readlink(`/proc/${apart.pid}/ns/mnt`)) !== own);
    await expect(requireSameMounts(apart.pid)).rejects.toThrow('incusd does not see what is mounted here');
    await expect(requireSameMounts(process.pid)).resolves.toBeUndefined();
    await apart.stop('SIGKILL');
  });

  it('is not made for what leads elsewhere', async () => {
    const workspace = await workspaceNamed('real');
    await lab.inside.output(['ln', '-s', workspace, join(lab.dir, 'link')]);
    const { refusals, leftovers } = await prepare(join(lab.dir, 'link'), 1, ['.vscode']);
    expect(refusals).toEqual([expect.stringContaining('is a symbolic link')]);
    expect(leftovers).toEqual([]);
    await writeFile(join(lab.dir, 'file'), '');
    expect((await prepare(join(lab.dir, 'file'), 1, ['.vscode'])).refusals).toHaveLength(1);
  });
});
