import { describe, expect, it } from 'vitest';
import type { ControlApi, OrphanReport, OrphansReport } from '../../src/controller/control-api.ts';
import { whoCalls } from '../../src/cli/who.ts';
import { coi, openPeer } from './peer.ts';
import { status, web } from './reports.ts';

const { by } = whoCalls({ env: {} });
const link: OrphanReport = { id: 'link/coix', kind: 'link', what: 'coix', why: 'nobody has it' };
const log: OrphanReport = { id: 'forward-rule/7', kind: 'forward-rule', what: '7: log "NFT\u001B"', why: 'dead' };
const shared: OrphanReport = {
  id: 'firewalld-rule/-1',
  kind: 'firewalld-rule',
  what: '-1 …',
  why: 'all',
  shared: true,
};
const problem = { code: 'firewalld.failed', message: 'firewalld refused getRules', hint: 'See its log.' };

/** A peer that has these orphans, called with these words. */
async function clean(found: Partial<OrphansReport>, argv: readonly string[], left: readonly string[] = []) {
  await using peer = await openPeer({
    orphans: async () => ({ orphans: [], problems: [], ...found }),
    removeOrphans: async ({ ids }) => ({ removed: ids.filter((id) => !left.includes(id)), left, problems: [] }),
  });
  const done = await coi(['clean', ...argv], { env: peer.env });
  return {
    ...done,
    removed: peer.asked.filter(([method]) => method === 'removeOrphans').map(([, options]) => options),
  };
}

describe('coi clean', () => {
  it('looks for no orphans unless told to', async () => {
    const { code, stdout, removed } = await clean({ orphans: [link] }, []);
    expect({ code, stdout, removed }).toEqual({ code: 0, stdout: 'Nothing to clean\n', removed: [] });
  });

  it('says that there is nothing', async () => {
    expect(await clean({}, ['--orphans', '--yes'])).toEqual({
      code: 0,
      stdout: 'Nothing to clean\n',
      stderr: '',
      removed: [],
    });
  });

  it('lists with reasons and removes nothing with --dry-run', async () => {
    expect(await clean({ orphans: [link, log] }, ['--orphans', '--dry-run'])).toEqual({
      code: 0,
      stdout: 'link\n  coix\n    nobody has it\nforward-rule\n  7: log "NFT\\x1b"\n    dead\n2 leftovers\n',
      stderr: '',
      removed: [],
    });
  });

  it('asks, and where there is nobody to ask removes nothing', async () => {
    const { code, stderr, removed } = await clean({ orphans: [link] }, ['--orphans']);
    expect({ code, removed }).toEqual({ code: 0, removed: [] });
    expect(stderr).toMatch(/Remove it\? \[y\/N\] \nCancelled/);
  });

  it('says what it has done when a later question gets no', async () => {
    const stopped = { ...web, name: 'bbb41b38-1', instance: 'coi-bbb41b38-1', state: 'stopped' } as const;
    const found: Partial<ControlApi> = {
      status: async () => ({ ...status, sandboxes: [stopped] }),
      orphans: async () => ({ orphans: [link], problems: [problem] }),
    };
    await using peer = await openPeer(found);
    const answered = { env: peer.env, stdin: 'y\nn\n' };
    expect(await coi(['clean', '--all', '--tool', 'aider'], answered)).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/\nRemoved 1\n$/),
      stderr: expect.stringContaining('Cancelled\n'),
    });
    const { code, stdout } = await coi(['clean', '--all', '--tool', 'aider', '--format=json'], answered);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ deleted: [stopped.instance], orphans: [link], problems: [problem] });
    expect(JSON.parse(stdout)).not.toHaveProperty('removed');
    expect(peer.asked.filter(([method]) => method === 'removeOrphans')).toEqual([]);
  });

  it('takes --shared-rule only where it looks for orphans', async () => {
    const { code, stderr, removed } = await clean({ orphans: [shared] }, ['--shared-rule', '--yes']);
    expect({ code, removed }).toEqual({ code: 1, removed: [] });
    expect(stderr).toContain('--shared-rule goes with --orphans');
  });

  it('removes what it has listed, and no more', async () => {
    const { code, stdout, removed } = await clean({ orphans: [link, log, shared] }, ['--orphans', '--yes']);
    expect(code).toBe(0);
    expect(stdout).toContain('-1 … (stays without --shared-rule)');
    expect(stdout).toMatch(/\n2 leftovers\nRemoved 2\n$/);
    expect(removed).toEqual([{ ids: [link.id, log.id], by }]);
  });

  it('removes what others may rely on only when told to', async () => {
    const { removed, stdout } = await clean({ orphans: [shared] }, ['--orphans', '--yes', '--shared-rule']);
    expect(removed).toEqual([{ ids: [shared.id], by }]);
    expect(stdout).not.toContain('stays without');
    const without = await clean({ orphans: [shared] }, ['--orphans', '--yes']);
    expect(without).toMatchObject({ code: 0, removed: [] });
    expect(without.stdout).toMatch(/\nNothing to clean\n$/);
  });

  it('fails when something is still there, or could not be looked at', async () => {
    const left = await clean({ orphans: [link, log] }, ['--orphans', '--yes'], [log.id]);
    expect(left).toMatchObject({ code: 1, stdout: expect.stringContaining('Removed 1, 1 still there') });
    const unseen = await clean({ problems: [problem] }, ['--orphans', '--dry-run']);
    expect(unseen).toMatchObject({ code: 1, stderr: 'coi: firewalld refused getRules\n  See its log.\n' });
  });

  it('shows the beginning of long lists, and all of them as JSON', async () => {
    const orphans = Array.from({ length: 25 }, (_, n): OrphanReport => ({ ...link, id: `link/${n}`, what: `coi${n}` }));
    const { stdout } = await clean({ orphans }, ['--orphans', '--dry-run']);
    expect(stdout).toContain('  … and 5 more: --format json has all\n25 leftovers\n');
    const json = await clean({ orphans }, ['--orphans', '--dry-run', '--format', 'json']);
    expect(JSON.parse(json.stdout)).toEqual({ orphans, problems: [] });
    const done = await clean({ orphans: [link], problems: [problem] }, ['--orphans', '--yes', '--format', 'json']);
    expect(JSON.parse(done.stdout)).toEqual({ orphans: [link], removed: [link.id], left: [], problems: [problem] });
    expect(done.code).toBe(1);
  });
});
