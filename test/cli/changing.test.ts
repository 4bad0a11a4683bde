import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { whoCalls } from '../../src/cli/who.ts';
import type { StatusReport } from '../../src/controller/control-api.ts';
import { coi, openPeer, type Peer } from './peer.ts';
import { api, db, host, now, plans, source, web } from './reports.ts';

const { uid, by } = whoCalls({ env: {} });
const sources = [{ ...source, state: 'complete', problems: [] } as const];
const clean: StatusReport = { sandboxes: [web], sources, images: [], host };
const gone = { ...clean, sandboxes: [] };

async function fileIn(peer: Peer, text = 'apiVersion = "coi/v1"\n[sandbox.web]\n') {
  const path = join(peer.directory, 'web.toml');
  await writeFile(path, text);
  return path;
}

describe('coi apply', () => {
  it('makes one pass over everything, and shows how things stand', async () => {
    await using peer = await openPeer({ status: async () => clean });
    const { code, stdout, stderr } = await coi(['apply'], { env: peer.env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('web      Current  running  yes');
    expect(peer.asked.map(([method]) => method)).toEqual(['reconcile', 'status']);
  });

  it('stores files for whoever calls, all of a directory as well, before the pass', async () => {
    await using peer = await openPeer({ status: async () => clean });
    const file = await fileIn(peer);
    expect((await coi(['apply', '-f', 'web.toml'], { env: peer.env, cwd: peer.directory })).code).toBe(0);
    expect((await coi(['apply', '-f', '.'], { env: peer.env, cwd: peer.directory })).code).toBe(0);
    const text = await readFile(file, 'utf8');
    const stored = ['store', { uid, files: [{ file: 'web.toml', text }] }];
    expect(peer.asked.filter(([method]) => method === 'store')).toEqual([stored, stored]);
    expect(peer.asked.map(([method]) => method).slice(0, 3)).toEqual(['store', 'reconcile', 'status']);
  });

  it('shows all problems and does nothing when files are refused', async () => {
    const problems = [
      { code: 'spec.type', message: 'image is 1', file: 'web.toml', line: 3, column: 1 },
      {
        code: 'spec.duplicate',
        message: 'sandbox "x" is also declared in y',
        hint: 'Keep one.',
        file: 'web.toml',
        line: 9,
      },
    ];
    await using peer = await openPeer({ store: async () => ({ names: [], problems }) });
    await fileIn(peer);
    const { code, stdout, stderr } = await coi(['apply', '-f', 'web.toml'], { env: peer.env, cwd: peer.directory });
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'coi: Nothing was applied:\n  web.toml:3:1: image is 1\n' +
        '  web.toml:9: sandbox "x" is also declared in y. Keep one.\n',
    );
    expect(peer.asked.map(([method]) => method)).toEqual(['store']);
  });

  it('waits with --wait until everything is Ready', async () => {
    let asked = 0;
    await using peer = await openPeer({
      status: async () => ({ ...clean, sandboxes: [{ ...web, ready: (asked += 1) > 3, phase: 'InProgress' }] }),
    });
    expect((await coi(['apply', '--wait'], { env: peer.env })).code).toBe(0);
    expect(asked).toBe(4);
  });

  it('does the work itself while it waits without a controller', async () => {
    let passes = 0;
    await using peer = await openPeer({
      reconcile: async () => void (passes += 1),
      status: async () => ({
        ...clean,
        host: { ...host, controller: 'in-process' },
        sandboxes: [{ ...web, ready: passes > 2 }],
      }),
    });
    expect((await coi(['apply', '--wait'], { env: peer.env })).code).toBe(0);
    expect(passes).toBe(3);
  });

  it('stops waiting when only a person can help', async () => {
    await using peer = await openPeer({ status: async () => ({ ...clean, sandboxes: [web, api] }) });
    const { code, stderr } = await coi(['apply', '--wait', '--timeout', '1h'], { env: peer.env });
    expect(code).toBe(1);
    expect(stderr).toBe(
      'coi: This needs a person:\n  api: Image "coi-full" is not on this host\n  More about one of them: coi why NAME\n',
    );
  });

  it('stops waiting when the time is up, and says for what', async () => {
    await using peer = await openPeer();
    const { code, stderr } = await coi(['apply', '--wait', '--timeout', '100ms'], { env: peer.env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^coi: Not done after 0s:\n {2}api: .*\n {2}db: .*\n/);
  });

  it('waits for none that is suspended, or kept after its manifest', async () => {
    const condition = { since: web.looked_at, message: '' };
    const suspended = { ...condition, type: 'Suspended', status: 'True', reason: 'User' };
    const kept = { ...condition, type: 'Pruning', status: 'False', reason: 'Protected' };
    const others = [
      { ...web, name: 'a', ready: false, conditions: [suspended] },
      { ...web, name: 'b', ready: false, conditions: [kept] },
    ];
    await using peer = await openPeer({ status: async () => ({ ...clean, sandboxes: others }) });
    expect((await coi(['apply', '--wait'], { env: peer.env })).code).toBe(0);
  });

  it('fails when something failed or a source has problems', async () => {
    await using failed = await openPeer({ status: async () => ({ ...clean, sandboxes: [api] }) });
    expect((await coi(['apply'], { env: failed.env })).code).toBe(1);
    await using partial = await openPeer({ status: async () => ({ ...clean, sources: [source] }) });
    const { code, stderr } = await coi(['apply'], { env: partial.env });
    expect(code).toBe(1);
    expect(stderr).toContain('coi: /etc/coi/desired/bad.toml:4:1: unknown key');
  });

  it('exits with 4 when the guard holds deletions back, and with 0 for files that have no part in that', async () => {
    await using peer = await openPeer({ status: async () => ({ ...clean, host: { ...host, held: ['a', 'b'] } }) });
    const { code, stderr } = await coi(['apply'], { env: peer.env });
    expect(code).toBe(4);
    expect(stderr).toBe('coi: the guard holds back 2 deletions: a, b\n  If meant: coi apply --confirm-deletes 2\n');
    await fileIn(peer);
    expect((await coi(['apply', '-f', 'web.toml'], { env: peer.env, cwd: peer.directory })).code).toBe(0);
    const stalled = { ...clean, sandboxes: [{ ...api, name: 'a' }], host: { ...host, held: ['a'] } };
    await using both = await openPeer({ status: async () => stalled });
    expect((await coi(['apply'], { env: both.env })).code).toBe(4);
  });

  it('confirms deletions first, and exits with 4 when their number is another', async () => {
    await using peer = await openPeer({
      status: async () => clean,
      confirmDeletes: async ({ count }) => {
        if (count === 2) return ['a', 'b'];
        throw new Problem({ code: 'guard.count', message: '2 deletions are held, not 3', hint: 'Look at them' });
      },
    });
    expect((await coi(['apply', '--confirm-deletes', '2'], { env: peer.env })).code).toBe(0);
    expect(peer.asked[0]).toEqual(['confirmDeletes', { count: 2 }]);
    expect(await coi(['apply', '--confirm-deletes', '3'], { env: peer.env })).toEqual({
      code: 4,
      stdout: '',
      stderr: 'coi: 2 deletions are held, not 3\n  Look at them\n',
    });
    expect(peer.asked.at(-1)![0]).toBe('confirmDeletes');
  });

  it('only plans with --dry-run, with the exit codes of diff', async () => {
    await using peer = await openPeer();
    await fileIn(peer);
    const setting = { env: peer.env, cwd: peer.directory };
    const { code, stdout } = await coi(['apply', '--dry-run', '-f', 'web.toml'], setting);
    expect(code).toBe(1);
    expect(stdout).toContain('1 of 2 sandboxes would change');
    expect(peer.asked.map(([method]) => method)).toEqual(['plan']);
    expect((await coi(['apply', '--dry-run', '-f', 'nowhere'], setting)).code).toBe(2);
  });

  it('has the sandboxes in question in JSON', async () => {
    await using peer = await openPeer({ status: async () => ({ ...clean, sandboxes: [web, db] }) });
    await fileIn(peer);
    const argv = ['apply', '-f', 'web.toml', '--format=json'];
    const { stdout } = await coi(argv, { env: peer.env, cwd: peer.directory });
    expect(JSON.parse(stdout)).toEqual({ sandboxes: [web], held: [], problems: [] });
  });
});

describe('coi plan and coi apply -p', () => {
  async function saved(peer: Peer, ...names: string[]) {
    const { code } = await coi(['plan', '-o', 'plan.json', ...names], { env: peer.env, cwd: peer.directory });
    expect(code).toBe(1);
    return { env: peer.env, cwd: peer.directory };
  }

  it('saves plans for this user alone, and carries them out while they hold', async () => {
    await using peer = await openPeer({ status: async () => clean });
    const setting = await saved(peer);
    const path = join(peer.directory, 'plan.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      apiVersion: 'coi/plan-v1',
      created_at: new Date(now).toISOString().replace('.000Z', 'Z'),
      plans: [plans[1], plans[0]],
    });
    peer.asked.length = 0;
    expect((await coi(['apply', '-p', 'plan.json'], setting)).code).toBe(0);
    expect(peer.asked.map(([method]) => method)).toEqual(['plan', 'reconcile', 'status']);
  });

  it.each([
    { what: 'a fingerprint changed', later: [{ ...plans[0]!, fingerprint: 'other' }, plans[1]!], stale: 'web' },
    { what: 'a sandbox went away', later: [plans[0]!], stale: 'api' },
    { what: 'another one has changes', later: [...plans, { ...plans[0]!, name: 'new' }], stale: 'new' },
  ])('does nothing and exits with 3 when $what', async ({ later, stale }) => {
    let current = plans;
    await using peer = await openPeer({ plan: async () => current });
    const setting = await saved(peer);
    current = later;
    peer.asked.length = 0;
    const { code, stdout, stderr } = await coi(['apply', '-p', 'plan.json'], setting);
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
    expect(stderr).toContain(`The plan is out of date for ${stale}; nothing was done`);
    expect(peer.asked.map(([method]) => method)).toEqual(['plan']);
  });

  it('asks for the same names again, and ignores another one without changes', async () => {
    let current = plans;
    await using peer = await openPeer({ plan: async () => current, status: async () => clean });
    const setting = await saved(peer, 'web');
    current = [...plans, { ...plans[1]!, name: 'new' }];
    peer.asked.length = 0;
    expect((await coi(['apply', '-p', 'plan.json'], setting)).code).toBe(0);
    expect(peer.asked[0]).toEqual(['plan', { names: ['web'] }]);
  });

  it('exits with 4 when the plan deletes more than the guard lets pass', async () => {
    const guarded = [{ ...plans[0]!, block: { reason: 'Guarded', message: 'too many' } }];
    await using peer = await openPeer({ plan: async () => guarded, status: async () => clean });
    const setting = { env: peer.env, cwd: peer.directory };
    expect((await coi(['plan', '-o', 'plan.json'], setting)).code).toBe(4);
    peer.asked.length = 0;
    const { code, stderr } = await coi(['apply', '-p', 'plan.json'], setting);
    expect(code).toBe(4);
    expect(stderr).toContain('--confirm-deletes 1');
    expect(peer.asked.map(([method]) => method)).toEqual(['plan']);
    expect((await coi(['apply', '-p', 'plan.json', '--confirm-deletes', '1'], setting)).code).toBe(0);
  });

  it('exits with 2 for a file that is no plan, is not there, or cannot be written', async () => {
    await using peer = await openPeer();
    const setting = { env: peer.env, cwd: peer.directory };
    await writeFile(join(peer.directory, 'plan.json'), '{"plans": 1}');
    const wrong = await coi(['apply', '-p', 'plan.json'], setting);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('it is no saved plan') });
    expect((await coi(['apply', '-p', 'other.json'], setting)).code).toBe(2);
    expect((await coi(['plan', '-o', 'no/where.json'], setting)).code).toBe(2);
  });
});

describe('commands on named sandboxes', () => {
  it.each([
    {
      argv: ['freeze', 'b', 'a'],
      asked: ['freeze', { names: ['b', 'a'], by, reason: 'frozen by command' }],
      says: 'frozen',
    },
    {
      argv: ['freeze', 'a', 'b', '--reason', 'lunch'],
      asked: ['freeze', { names: ['a', 'b'], by, reason: 'lunch' }],
      says: 'frozen',
    },
    { argv: ['resume', 'a', 'b'], asked: ['resume', { names: ['a', 'b'] }], says: 'resumed' },
    {
      argv: ['suspend', 'a', 'b', '--reason=x'],
      asked: ['suspend', { names: ['a', 'b'], by, reason: 'x' }],
      says: 'suspended',
    },
    {
      argv: ['suspend', 'a', 'b', '--reason=x', '--until', '1h30m'],
      asked: ['suspend', { names: ['a', 'b'], by, reason: 'x', until: now + 5_400_000 }],
      says: 'suspended',
    },
    { argv: ['suspend', '--off', 'a', 'b'], asked: ['unsuspend', { names: ['a', 'b'] }], says: 'goes on' },
    { argv: ['delete', 'a', 'b'], asked: ['delete', { names: ['a', 'b'], by }], says: 'is being deleted' },
  ])('$argv', async ({ argv, asked, says }) => {
    await using peer = await openPeer();
    expect(await coi(argv, { env: peer.env })).toEqual({ code: 0, stdout: `a: ${says}\nb: ${says}\n`, stderr: '' });
    expect(peer.asked).toEqual([asked]);
    const { stdout } = await coi([...argv, '--format=json'], { env: peer.env });
    expect(JSON.parse(stdout)).toEqual(['a', 'b'].map((name) => ({ name, done: true, message: says })));
  });

  it('adopts one', async () => {
    await using peer = await openPeer();
    expect(await coi(['adopt', 'web'], { env: peer.env })).toEqual({ code: 0, stdout: 'web: adopted\n', stderr: '' });
    expect(peer.asked).toEqual([['adopt', { name: 'web', by }]]);
  });

  it('exit with 1 when any of them was refused', async () => {
    await using peer = await openPeer({
      delete: async () => [
        { name: 'a', done: true, message: 'is being deleted' },
        { name: 'b', done: false, message: 'is declared in /etc/coi/desired/b.toml: remove it there' },
      ],
    });
    expect(await coi(['delete', 'a', 'b'], { env: peer.env })).toEqual({
      code: 1,
      stdout: 'a: is being deleted\n',
      stderr: 'coi: b: is declared in /etc/coi/desired/b.toml: remove it there\n',
    });
  });

  it('say so when there is nothing to do', async () => {
    await using peer = await openPeer({ status: async () => gone });
    expect(await coi(['resume'], { env: peer.env })).toMatchObject({
      code: 0,
      stdout: 'Nothing is frozen by command\n',
    });
    expect(await coi(['delete', '--all'], { env: peer.env })).toMatchObject({
      code: 0,
      stdout: 'There is nothing to delete\n',
    });
    expect(peer.asked.map(([method]) => method)).not.toContain('delete');
  });

  it('delete --all --wait waits until all that could be deleted is gone', async () => {
    let asked = 0;
    await using peer = await openPeer({
      status: async () => ((asked += 1) < 4 ? { ...clean, sandboxes: [web, db] } : { ...clean, sandboxes: [db] }),
      delete: async () => [
        { name: 'web', done: true, message: 'is being deleted' },
        { name: 'db', done: false, message: 'no' },
      ],
    });
    expect((await coi(['delete', '--all', '--wait'], { env: peer.env })).code).toBe(1);
    expect(peer.asked[1]).toEqual(['delete', { names: ['web', 'db'], by }]);
    expect(asked).toBe(4);
  });
});

describe('whoCalls()', () => {
  const isRoot = process.getuid?.() === 0;

  it('is the user behind sudo, for root only', () => {
    const sudo = { env: { SUDO_UID: '1234', SUDO_USER: 'ann' } };
    expect(whoCalls(sudo)).toEqual(isRoot ? { uid: 1234, by: 'ann' } : { uid, by });
    expect(whoCalls({ env: { SUDO_UID: 'x; rm', SUDO_USER: 'ann' } })).toEqual({ uid, by });
  });
});
