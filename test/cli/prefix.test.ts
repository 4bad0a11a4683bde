import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trialPrefix } from '../../src/cli/health-trial.ts';
import { workspaceHash } from '../../src/spec/session-names.ts';
import { coi, openPeer, type Peer } from './peer.ts';
import { status, web } from './reports.ts';

const workspace = '/home/ann/code/shop';
const hash = workspaceHash(workspace);
const frozen = [{ kind: 'freeze', reason: 'lunch', by: 'ann' }] as const;
const session = (prefix: string, slot: number) => ({
  ...web,
  name: `${prefix === 'coi-' ? '' : prefix}${hash}-${slot}`,
  instance: `${prefix}${hash}-${slot}`,
  overrides: frozen,
});
const mine = [session('ci-', 1), session('ci-', 2)];
const others = [session('coi-', 1), session('coi-', 2)];
/** Of nobody, and one whose prefix begins as another one does. */
const nobodys = [session(trialPrefix, 1), session('coi-ci-', 1)];
const names = (sandboxes: readonly { readonly instance: string }[]) => sandboxes.map(({ instance }) => instance);

let peer: Peer;
beforeAll(async () => {
  const agentless = { ...web, agent: { state: 'absent' as const } };
  peer = await openPeer({
    status: async () => ({ ...status, sandboxes: [agentless, ...others, ...mine, ...nobodys] }),
  });
});
afterAll(() => peer[Symbol.asyncDispose]());

const withPrefix = (...argv: string[]) =>
  coi(argv, { cwd: workspace, env: { ...peer.env, COI_CONTAINER_PREFIX: 'ci-' } });
const without = (...argv: string[]) => coi(argv, { cwd: workspace, env: peer.env });
const askedLast = () => peer.asked.at(-1);

describe('another prefix of containers', () => {
  it.each([
    { run: withPrefix, shown: mine, hidden: others },
    { run: without, shown: others, hidden: mine },
  ])('has its own sessions in lists, beside what files declare', async ({ run, shown, hidden }) => {
    const { active_containers: containers } = JSON.parse((await run('list', '--format', 'json')).stdout) as {
      readonly active_containers: readonly { readonly name: string }[];
    };
    expect(containers.map(({ name }) => name)).toEqual([...names(shown), 'coi-web'].toSorted());
    const text = (await run('list')).stdout + (await run('attach')).stdout;
    for (const name of names(shown)) expect(text.split(name)).toHaveLength(3);
    for (const name of names([...hidden, ...nobodys])) expect(text).not.toContain(` ${name} `);
  });

  it('is in the name of the slot that is attached to', async () => {
    expect((await withPrefix('attach', '--slot', '7')).stderr).toContain(`"ci-${hash}-7"`);
    expect((await without('attach', '--slot', '7')).stderr).toContain(`"coi-${hash}-7"`);
  });

  it('is what commands mean by all, and by a workspace', async () => {
    for (const [argv, asked] of [
      [['kill', '--all', '--force'], 'delete'],
      [['shutdown', '--all', '--force'], 'shutDown'],
      [['persist', '--all', '--force'], 'persist'],
      [['persist', '--force'], 'persist'],
    ] as const) {
      const before = peer.asked.length;
      expect((await withPrefix(...argv)).stdout).not.toContain(names(others)[0]);
      const meant = peer.asked
        .slice(before)
        .flatMap(([method, options]) =>
          method === asked ? (options as { readonly names: readonly string[] }).names : [],
        );
      expect(meant).toEqual(mine.map(({ name }) => name));
    }
  });

  it('is what is deleted, beside what files declare', async () => {
    await withPrefix('delete', '--all');
    expect(askedLast()).toMatchObject(['delete', { names: ['web', ...mine.map(({ name }) => name)] }]);
    await without('delete', '--all');
    expect(askedLast()).toMatchObject(['delete', { names: ['web', ...others.map(({ name }) => name)] }]);
  });

  it('is also what kill means by all when a container waits for its deletion already', async () => {
    const leaving = mine.map((each) => ({ ...each, instance: `coi-del-${'0'.repeat(26)}` }));
    await using stuck = await openPeer({ status: async () => ({ ...status, sandboxes: leaving.slice(1) }) });
    const env = { ...stuck.env, COI_CONTAINER_PREFIX: 'ci-' };
    await coi(['kill', '--all', '--force', '--no-save'], { env });
    expect(stuck.asked).toContainEqual(['delete', expect.objectContaining({ names: [mine[1]!.name] })]);
  });

  it('resumes its own, and what files declare', async () => {
    await withPrefix('resume');
    expect(askedLast()).toEqual(['resume', { names: mine.map(({ name }) => name) }]);
    await without('resume');
    expect(askedLast()).toEqual(['resume', { names: others.map(({ name }) => name) }]);
  });

  it('is one that a name can begin with', async () => {
    const { code, stderr } = await coi(['list'], { env: { ...peer.env, COI_CONTAINER_PREFIX: '../' } });
    expect(code).toBe(1);
    expect(stderr).toContain('COI_CONTAINER_PREFIX is "../"');
  });
});
