import { mkdtemp, mkdir, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import type { ControlApi } from '../../src/controller/control-api.ts';
import { coi, openPeer } from './peer.ts';
import { host, source, web } from './reports.ts';

let dir: string;
let workspace: string;
const who = ['-c', 'user.name=T', '-c', 'user.email=t@example.org'];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-fork-test-'));
  workspace = join(dir, "it's");
  await mkdir(workspace);
  await execa('git', ['init', '--quiet', '-b', 'main'], { cwd: workspace });
  await execa('git', [...who, 'commit', '--quiet', '--allow-empty', '-m', 'first'], { cwd: workspace });
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** `coi fork web try -n 2`, of which the controller answers the second request. */
async function forked(answer: ControlApi['fork']) {
  const sources = [{ ...source, state: 'complete', problems: [] } as const];
  await using peer = await openPeer({
    status: async () => ({ sandboxes: [{ ...web, workspace }], sources, images: [], host }),
    fork: async (request) => (request.onlyCheck ? report(request) : answer(request)),
  });
  return await coi(['fork', 'web', 'try', '-n', '2'], { env: peer.env });
}

const report = ({ copies }: Parameters<ControlApi['fork']>[0]) => ({
  original: 'coi-web',
  sandbox: 'web',
  driver: 'btrfs',
  pauses: false,
  whole: false,
  copies: copies.map((each) => ({ ...each, instance: `coi-${each.name}`, state: 'running' as const })),
});

const fails = (code: string) => async () => {
  throw new Problem({ code, message: 'it went wrong' });
};

const worktrees = async () => (await readdir(dir)).filter((name) => name !== "it's");
const both = ["it's-try-1", "it's-try-2"];

describe('worktrees of a fork that failed', () => {
  it('go only when nothing of it is declared, and else are said', async () => {
    expect(await forked(fails('fork.undeclared'))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('went wrong'),
    });
    expect(await worktrees()).toEqual([]);
    const { code, stderr } = await forked(fails('session.unwritable'));
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining('their worktrees stay: ') });
    expect(stderr).toContain('it went wrong');
    expect(await worktrees()).toEqual(both);
  });

  it('are said with what could not be taken away, behind the reason', async () => {
    const { stderr } = await forked(async () => {
      await execa('git', [...who, 'commit', '--quiet', '--allow-empty', '-m', 'work'], { cwd: `${workspace}-try-1` });
      return fails('fork.undeclared')();
    });
    expect(stderr).toContain('it went wrong');
    expect(stderr).toContain(`${workspace}-try-1 stays; take it away with: git -C '`);
    expect(stderr).not.toContain('try-2 stays');
    expect(await worktrees()).toEqual(["it's-try-1"]);
  });

  it('of one copy can be taken away as it says', async () => {
    const { code, stderr, stdout } = await forked(async (request) => {
      const { copies, ...about } = report(request);
      return { ...about, copies: copies.map((each, at) => (at === 1 ? { ...each, failure: 'no space' } : each)) };
    });
    expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining('coi-try-1') });
    expect(stderr).toContain('coi: coi-try-2 could not be made: no space');
    const [, line = ''] = /^ {2}Look at what is in it, then: (.+)$/m.exec(stderr) ?? [];
    await execa('sh', ['-c', line]);
    expect(await worktrees()).toEqual(["it's-try-1"]);
    const { stdout: branches } = await execa('git', ['branch', '--format=%(refname:short)'], { cwd: workspace });
    expect(branches.split('\n')).toEqual(['main', 'try-1']);
  });
});
