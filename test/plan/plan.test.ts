import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import type { Stamp } from '../../src/plan/stamp.ts';
import type { Desired, OwnedInstance, PruneVerdict } from '../../src/plan/world.ts';
import type { Policy } from '../../src/spec/sandbox.ts';
import { endpoint, manifest, names, now, nameOf, override, owned, tombstoned, uid, world } from './given.ts';

const plain = manifest();
const policy: Policy = { deletion: 'delete', drift: 'enforce', allow: 'in-place' };
const reservation = { uid, endpoint };
const wholeTeardown = ['stamp', 'stop', 'tombstone', 'unprotect', 'delete'];
const intent = (kind: 'create' | 'delete' | 'restart') => ({ kind, at: now - 1_000 });
const deleted: Desired = { kind: 'deleted' };
const missing = (verdict: PruneVerdict): Desired => ({ kind: 'missing', verdict });
const gone = missing({ kind: 'allowed' });
const limited = manifest({ limits: { memory: { limit: '2GiB' } } });

describe('building up, and what a crash after each step leaves', () => {
  it('from nothing it chooses addresses with their rules first, then creates', () => {
    expect(names(plan(world(plain)))).toEqual(['reserve', 'create']);
  });

  it('an agent is started last', () => {
    const withAgent = manifest({ tool: { command: ['claude'] } });
    expect(names(plan(world(withAgent, { agent: { kind: 'absent' } })))).toEqual(['reserve', 'create', 'agent']);
  });

  it('once addresses and rules are there it creates on just those', () => {
    const [create] = plan(world(plain, { reservation })).steps;
    expect(create).toMatchObject({
      action: { kind: 'create', reservation, start: true },
      precondition: { absent: 'coi-a' },
    });
  });

  it('while Incus creates, it waits', () => {
    const instance = owned(plain, { power: 'other', busy: 'Creating instance', stamped: { intent: intent('create') } });
    const made = plan(world(plain, { instance }));
    expect(made.steps).toEqual([]);
    expect(made.block).toMatchObject({ reason: 'WaitingOperation', stalled: false });
  });

  it('a stopped one that still says it is being created is half-made: deleted, never started', () => {
    const instance = owned(plain, { power: 'stopped', stamped: { intent: intent('create') } });
    expect(names(plan(world(plain, { instance })))).toEqual(['unprotect', 'delete']);
  });

  it('an unprotected half-made one is deleted at once', () => {
    const instance = owned(plain, { power: 'stopped', config: {}, stamped: { intent: intent('create') } });
    expect(names(plan(world(plain, { instance })))).toEqual(['delete']);
  });

  it('one whose creation this process saw succeed is whole, also when it is stopped', () => {
    const stopped = manifest({ state: 'stopped' });
    const instance = owned(stopped, { power: 'stopped', createdHere: true, stamped: { intent: intent('create') } });
    expect(names(plan(world(stopped, { instance })))).toEqual(['stamp']);
  });

  it('a running one with the intent left is complete: the intent is cleared in one write', () => {
    const instance = owned(plain, { stamped: { intent: intent('create') } });
    const [stamp, ...rest] = plan(world(plain, { instance })).steps;
    expect(rest).toEqual([]);
    expect(stamp?.action).toMatchObject({
      kind: 'stamp',
      stamp: { intent: undefined, generation: 1, hash: plain.hash },
    });
  });

  it('running with an old stamp and nothing different, it is just stamped as the next generation', () => {
    const instance = owned(plain, { stamped: { hash: 'old' } });
    const [stamp, ...rest] = plan(world(plain, { instance })).steps;
    expect(rest).toEqual([]);
    expect(stamp?.action).toMatchObject({ kind: 'stamp', stamp: { hash: plain.hash, generation: 2 } });
  });

  it('as declared, nothing is left to do', () => {
    const made = plan(world(plain, { instance: owned(plain) }));
    expect(made).toMatchObject({ steps: [], patch: [], drift: [], block: undefined });
  });

  it('one that is to be stopped is created without being started, and gets no agent', () => {
    const stopped = manifest({ state: 'stopped', tool: { command: ['claude'] } });
    const made = plan(world(stopped, { reservation, agent: { kind: 'absent' } }));
    expect(made.steps.map(({ action }) => action)).toEqual([expect.objectContaining({ kind: 'create', start: false })]);
  });
});

describe('tearing down, and what a crash after each step leaves', () => {
  const rows: readonly (readonly [after: string, changes: Parameters<typeof owned>[1], steps: readonly string[]])[] = [
    ['nothing: it runs', {}, wholeTeardown],
    ['nothing: it is frozen', { power: 'frozen' }, wholeTeardown],
    ['nothing: it is in error', { power: 'other' }, wholeTeardown],
    ['the intent', { stamped: { intent: intent('delete') } }, wholeTeardown.slice(1)],
    ['the stop', { power: 'stopped', stamped: { intent: intent('delete') } }, wholeTeardown.slice(2)],
  ];

  it.each(rows)('after %s', (_after, changes, steps) => {
    for (const desired of [deleted, gone]) {
      expect(names(plan(world(desired, { instance: owned(plain, changes) })))).toEqual(steps);
    }
  });

  it('after the rename the tombstone is unprotected and deleted', () => {
    expect(names(plan(world(deleted, { tombstone: tombstoned(plain) })))).toEqual(['unprotect', 'delete']);
  });

  it('after the protection is off only the deletion is left', () => {
    expect(names(plan(world(deleted, { tombstone: tombstoned(plain, { config: {} }) })))).toEqual(['delete']);
  });

  it('after everything, nothing is left to do', () => {
    expect(plan(world(deleted))).toMatchObject({ steps: [], block: undefined });
  });

  it('while Incus deletes the tombstone, it waits', () => {
    const made = plan(world(deleted, { tombstone: tombstoned(plain, { busy: 'Deleting instance' }) }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'WaitingOperation' } });
  });

  it('a tombstone goes on its way even while a source is unknown, and is never started', () => {
    const made = plan(world({ kind: 'unknown', message: 'broken' }, { tombstone: tombstoned(plain) }));
    expect(names(made)).toEqual(['unprotect', 'delete']);
  });

  it('a manifest that is back before the rename clears the intent and starts it again', () => {
    const instance = owned(plain, { power: 'stopped', stamped: { intent: intent('delete') } });
    expect(names(plan(world(plain, { instance })))).toEqual(['start', 'stamp']);
  });

  it('a manifest that is back after the rename gets a new instance once the old one is gone', () => {
    const made = plan(world(plain, { tombstone: tombstoned(plain) }));
    expect(names(made)).toEqual(['unprotect', 'delete', 'reserve', 'create']);
  });

  it('what was only reserved is released', () => {
    for (const desired of [deleted, gone]) expect(names(plan(world(desired, { reservation })))).toEqual(['release']);
  });

  it('every step on an instance takes its uid for granted', () => {
    const { steps } = plan(world(deleted, { instance: owned(plain) }));
    expect(steps.map(({ precondition }) => precondition)).toEqual(steps.map(() => ({ uid })));
  });

  it('stopping forces, because what is inside is given up', () => {
    const { steps } = plan(world(deleted, { instance: owned(plain) }));
    expect(steps.find((step) => nameOf(step) === 'stop')?.action).toMatchObject({ force: true });
  });
});

describe('policy.deletion', () => {
  const stamped = (deletion: Policy['deletion']) => owned(manifest({ policy: { ...policy, deletion } }));

  it.each([
    { deletion: 'delete', when: 'no source declares it', desired: gone, steps: wholeTeardown },
    { deletion: 'delete', when: 'it was deleted by command', desired: deleted, steps: wholeTeardown },
    { deletion: 'orphan', when: 'no source declares it', desired: gone, steps: [], reason: 'Orphaned' },
    { deletion: 'orphan', when: 'it was deleted by command', desired: deleted, steps: wholeTeardown },
    { deletion: 'protect', when: 'no source declares it', desired: gone, steps: [], reason: 'Protected' },
    { deletion: 'protect', when: 'it was deleted by command', desired: deleted, steps: [], reason: 'Protected' },
    { deletion: 'confirm', when: 'a person confirmed', desired: gone, steps: wholeTeardown },
    { deletion: 'confirm', when: 'it was deleted by command', desired: deleted, steps: wholeTeardown },
  ] as const)('"$deletion" when $when', ({ deletion, desired, steps, ...row }) => {
    const made = plan(world(desired, { instance: stamped(deletion) }));
    expect(names(made)).toEqual(steps);
    expect(made.block?.reason).toBe('reason' in row ? row.reason : undefined);
  });

  it.each([
    [{ kind: 'wait', reason: 'Grace', message: '', until: now + 5_000 }, false, now + 5_000],
    [{ kind: 'wait', reason: 'SourceIncomplete', message: '' }, false, undefined],
    [{ kind: 'held', reason: 'Guarded', message: '' }, true, undefined],
    [{ kind: 'held', reason: 'NeedsConfirm', message: '' }, true, undefined],
  ] as const)(
    'nothing is deleted on the verdict %o, and its rules are kept right',
    (verdict, isStalled, nextLookAt) => {
      const made = plan(world(missing(verdict), { instance: owned(plain, { power: 'frozen', rules: 'drifted' }) }));
      expect(names(made)).toEqual(['rules']);
      expect(made.block).toMatchObject({ reason: verdict.reason, stalled: isStalled });
      expect(made.nextLookAt).toBe(nextLookAt);
    },
  );

  it('nothing is deleted while its source is unknown', () => {
    const made = plan(world({ kind: 'unknown', message: 'line 3' }, { instance: owned(plain) }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'SourceIncomplete', message: 'line 3' } });
  });
});

describe('who stopped it: restart and policy.drift', () => {
  const stopped = (as: ReturnType<typeof manifest>, stamped: Partial<Stamp> = {}, changes = {}) =>
    world(as, { instance: owned(as, { power: 'stopped', stamped, ...changes }) });
  const never = manifest({ restart: 'never' });
  const observed = manifest({ policy: { ...policy, drift: 'observe' } });

  it('restart "always": stopped from inside, it is started again', () => {
    expect(names(plan(stopped(plain)))).toEqual(['start']);
  });

  it('restart "never": stopped from inside, a persistent one stays so', () => {
    const given = stopped(manifest({ restart: 'never', persistent: true }));
    expect(plan(given)).toMatchObject({ steps: [], block: { reason: 'Ended', stalled: false } });
  });

  it('restart "never": stopped from inside, one that is not persistent is remembered as over and deleted', () => {
    expect(names(plan(stopped(never)))).toEqual(['expire', 'stamp', 'tombstone', 'unprotect', 'delete']);
  });

  it('restart "never": stopped from inside, one that a command asks for again is started', () => {
    const before = manifest({ restart: 'never', persistent: true, asked: { at: 1 } });
    const again = manifest({ restart: 'never', persistent: true, asked: { at: 2 } });
    expect(names(plan(stopped(before)))).toEqual([]);
    expect(names(plan(stopped(again, { hash: before.hash })))).toContain('start');
  });

  it('is stopped by command as it was asked: at once, or with time to end', () => {
    const asked = (force?: true) => manifest({ state: 'stopped', asked: { at: 1, ...(force && { force }) } });
    const stepFor = (as: ReturnType<typeof manifest>) =>
      plan(world(as, { instance: owned(as) })).steps.find(({ action }) => action.kind === 'power');
    expect(stepFor(asked())?.action).toMatchObject({ to: 'stop', force: false });
    expect(stepFor(asked(true))?.action).toMatchObject({ to: 'stop', force: true });
  });

  it('restart "never": stopped because the host went down, it is started again', () => {
    expect(names(plan(stopped(never, {}, { lostPower: true })))).toEqual(['start']);
  });

  it('restart "never": stopped by coi itself, it is started again', () => {
    expect(names(plan(stopped(never, { halted: true })))).toEqual(['start']);
  });

  it('restart "never": a changed manifest starts it again', () => {
    expect(names(plan(stopped(never, { hash: 'old' })))).toEqual(['start', 'stamp']);
  });

  it('restart "never": what coi stops is noted first, and the note goes once it runs', () => {
    const halt = { ...never, sandbox: { ...never.sandbox, state: 'stopped' as const } };
    expect(names(plan(world(halt, { instance: owned(halt) })))).toEqual(['stamp', 'stop']);
    const running = plan(world(never, { instance: owned(never, { stamped: { halted: true } }) }));
    expect(running.steps.map(({ action }) => action)).toMatchObject([{ kind: 'stamp', stamp: { halted: false } }]);
  });

  it('restart "never": one that was created stopped can be started later', () => {
    const later = manifest({ restart: 'never', schedule: { start: '0 9 * * *', timezone: 'UTC' } });
    const instance = owned(later, { power: 'stopped', createdHere: true, stamped: { intent: intent('create') } });
    const first = plan(world(later, { instance, scheduled: { state: 'stopped' } }));
    expect(first.steps.map(({ action }) => action)).toMatchObject([{ kind: 'stamp', stamp: { halted: true } }]);
    const due = owned(later, { power: 'stopped', stamped: { halted: true } });
    expect(names(plan(world(later, { instance: due, scheduled: { state: 'running' } })))).toEqual(['start']);
  });

  it('drift "observe": frozen by hand, it stays so', () => {
    const made = plan(world(observed, { instance: owned(observed, { power: 'frozen' }) }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'Ended' } });
  });

  it('drift "observe": frozen by coi, a stamp in between does not make it somebody else’s doing', () => {
    const instance = owned(observed, { power: 'frozen', stamped: { halted: true, hash: 'old' } });
    const held = plan(world(observed, { instance, overrides: [override.freeze] }));
    expect(held.steps.map(({ action }) => action)).toMatchObject([{ kind: 'stamp', stamp: { halted: true } }]);
    const lifted = owned(observed, { power: 'frozen', stamped: { halted: true } });
    expect(names(plan(world(observed, { instance: lifted })))[0]).toBe('unfreeze');
  });

  it('frozen by hand under "enforce", it is thawed', () => {
    expect(names(plan(world(plain, { instance: owned(plain, { power: 'frozen' }) })))).toEqual(['unfreeze']);
  });

  it('one in error is stopped, then started', () => {
    expect(names(plan(world(plain, { instance: owned(plain, { power: 'other' }) })))).toEqual(['stop']);
    expect(names(plan(stopped(plain)))).toEqual(['start']);
  });
});

describe('changes by hand', () => {
  const drifted = owned(limited, { config: { ...owned(limited).config, 'limits.memory': '1GiB' } });

  it('are put right in one write', () => {
    const made = plan(world(limited, { instance: drifted }));
    expect(names(made)).toEqual(['update', 'stamp']);
    expect(made.drift).toEqual(['/config/limits.memory']);
    expect(made.steps[0]).toMatchObject({ risk: 'safe', security: false });
  });

  it('are only shown where drift is observed', () => {
    const observed = manifest({ ...limited.sandbox, policy: { ...policy, drift: 'observe' } });
    const instance = owned(observed, { config: { ...owned(observed).config, 'limits.memory': '1GiB' } });
    const made = plan(world(observed, { instance }));
    expect(made).toMatchObject({ steps: [], drift: ['/config/limits.memory'] });
  });

  it('of isolation are put right also where drift is observed', () => {
    const observed = manifest({ policy: { ...policy, drift: 'observe' } });
    const instance = owned(observed, { config: { ...owned(observed).config, 'security.privileged': 'true' } });
    const [step] = plan(world(observed, { instance })).steps;
    expect(step).toMatchObject({ action: { kind: 'update' }, security: true });
  });

  const added: [string, Partial<Pick<OwnedInstance, 'config' | 'devices'>>][] = [
    ['a second interface', { devices: { eth1: { type: 'nic', network: 'other' } } }],
    ['a proxy', { devices: { out: { type: 'proxy', listen: 'tcp:127.0.0.1:1', connect: 'tcp:127.0.0.1:22' } } }],
    ['a directory of the host', { devices: { 'a/b': { type: 'disk', source: '/', path: '/host' } } }],
    ['a device of the host', { devices: { mem: { type: 'unix-char', source: '/dev/mem' } } }],
    ['settings of the container runtime', { config: { 'raw.lxc': 'lxc.mount.auto = proc:rw' } }],
    ['system calls', { config: { 'security.syscalls.intercept.mount': 'true' } }],
  ];
  it.each(added)('that open it are taken back, also where drift is observed or fought over: %s', (_, more) => {
    const observed = manifest({ policy: { ...policy, drift: 'observe' } });
    const { config, devices } = owned(observed);
    const opened = { config: { ...config, ...more.config }, devices: { ...devices, ...more.devices } };
    const instance = owned(observed, opened);
    const { drift, steps } = plan(world(observed, { instance }));
    expect(drift).toHaveLength(1);
    expect(steps[0]).toMatchObject({
      action: { kind: 'update' },
      security: true,
      patch: [{ op: 'remove', path: drift[0] }],
    });
    expect(plan(world(observed, { instance, fighting: drift })).steps[0]).toEqual(steps[0]);
    expect(plan(world(observed, { instance, overrides: [override.suspend] })).steps).toEqual([steps[0]]);
  });

  it('that let containers run inside are taken back where the manifest lets none', () => {
    const shut = manifest({ docker: false });
    const instance = owned(shut, { config: { ...owned(shut).config, 'security.nesting': 'true' } });
    expect(plan(world(shut, { instance })).steps[0]).toMatchObject({
      action: { kind: 'update' },
      security: true,
      patch: [{ op: 'remove', path: '/config/security.nesting' }],
    });
  });

  it('that keep containers from running inside are put right for the next start', () => {
    const { 'security.nesting': _, ...config } = owned(plain).config;
    const made = plan(world(plain, { instance: owned(plain, { config }) }));
    expect(names(made)).toEqual(['update', 'stamp']);
    expect(made.patch).toEqual([{ op: 'add', path: '/config/security.nesting', value: 'true' }]);
  });

  it('that open nothing are left alone: volumes, kept-out devices, further protection', () => {
    const { config, devices } = owned(plain);
    const instance = owned(plain, {
      config: { ...config, 'security.protection.shift': 'true' },
      devices: {
        ...devices,
        data: { type: 'disk', pool: 'default', source: 'data', path: '/data' },
        usb: { type: 'none' },
      },
    });
    expect(plan(world(plain, { instance }))).toMatchObject({ steps: [], drift: [] });
  });

  it('of keys that coi does not manage are left alone', () => {
    const instance = owned(plain, { config: { ...owned(plain).config, 'user.note': 'mine', 'limits.cpu': '1' } });
    expect(plan(world(plain, { instance }))).toMatchObject({ steps: [], drift: [] });
  });
});

describe('changes of the manifest', () => {
  const allowing = (allow: Policy['allow'], changes = {}) => manifest({ policy: { ...policy, allow }, ...changes });
  /** An instance as an earlier manifest made it. */
  const asBefore = (as: ReturnType<typeof manifest>) => owned(as, { stamped: { hash: 'before' } });

  it('of limits are made in place, then stamped', () => {
    const made = plan(world(limited, { instance: asBefore(plain) }));
    expect(names(made)).toEqual(['update', 'stamp']);
    expect(made.drift).toEqual([]);
    expect(made.patch).toEqual([{ op: 'add', path: '/config/limits.memory', value: String(2 ** 31) }]);
  });

  it.each(['in-place', 'restart', 'recreate'] as const)('of how it is watched are stamped alone: %s', (allow) => {
    const whole = { network: { enabled: false }, rules: { miner: { response: 'kill' } } } as const;
    const changed = allowing(allow, {
      tool: { command: ['a'] },
      monitoring: { enabled: false, pollMs: 9000, ...whole },
    });
    const instance = asBefore(manifest({ tool: { command: ['a'] } }));
    const made = plan(world(changed, { instance, agent: { kind: 'running' } }));
    expect(made).toMatchObject({ patch: [], drift: [], block: undefined });
    expect(names(made)).toEqual(['stamp']);
  });

  it('of the agent wait for policy.allow = "restart"', () => {
    const instance = asBefore(manifest({ tool: { command: ['old'] } }));
    const made = plan(world(allowing('in-place', { tool: { command: ['new'] } }), { instance }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'ImmutableChange', stalled: true } });
    expect(made.block?.hint).toContain('policy.allow = "restart"');
  });

  it('that take containers inside away wait for a restart, too, and are told by their key', () => {
    const instance = asBefore(plain);
    const made = plan(world(allowing('in-place', { docker: false }), { instance }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'ImmutableChange', stalled: true } });
    expect(made.block?.message).toMatch(/^security\.docker can only/);
    const restarted = plan(world(allowing('restart', { docker: false }), { instance }));
    expect(names(restarted).slice(0, 3)).toEqual(['update', 'stop', 'stamp']);
  });

  it.each(['restart', 'recreate'] as const)('of the agent restart it where policy.allow is "%s"', (allow) => {
    const instance = asBefore(allowing(allow, { tool: { command: ['old'] } }));
    const made = plan(world(allowing(allow, { tool: { command: ['new'] } }), { instance }));
    expect(names(made).slice(0, 3)).toEqual(['update', 'stop', 'stamp']);
    expect(made.steps[0]?.action).toMatchObject({ stamp: { intent: { kind: 'restart' } } });
  });

  it('a restart that a crash interrupted goes on where it was', () => {
    const as = allowing('restart');
    const stamped = { intent: intent('restart'), hash: 'old' };
    expect(names(plan(world(as, { instance: owned(as, { stamped }) })))).toEqual(['stop', 'stamp', 'stamp']);
    const stopped = owned(as, { stamped, power: 'stopped' });
    expect(names(plan(world(as, { instance: stopped }))).slice(0, 2)).toEqual(['stamp', 'start']);
  });

  it('saves a session once it stands still: before it is deleted, under its last name, and while it is kept', () => {
    const session = { id: 'i', tool: 'claude', owner: 0, workspace: '', persistent: true, user: 'code' };
    const as = manifest({ restart: 'never', persistent: true });
    const unsaved = { stamped: { session, restored: 'i', saved: now - 2_000 }, startedAt: now - 1_000 };
    const kill = (changes: Parameters<typeof owned>[1]) =>
      names(plan({ ...world(as, { instance: owned(as, changes) }), desired: deleted }));
    expect(kill(unsaved)).toEqual(['stamp', 'stop', 'tombstone', 'save', 'unprotect', 'delete']);
    const saved = { ...unsaved, stamped: { session, restored: 'i', saved: now } };
    expect(kill(saved)).toEqual(wholeTeardown);
    expect(kill({ ...unsaved, startedAt: undefined })).toEqual(wholeTeardown);
    expect(kill({ startedAt: now - 1_000 })).toEqual(wholeTeardown);
    const kept = owned(as, { ...unsaved, power: 'stopped' });
    expect(names(plan(world(as, { instance: kept })))).toEqual(expect.arrayContaining(['save']));
    const running = owned(as, unsaved);
    expect(names(plan(world(as, { instance: running })))).not.toContain('save');
  });

  it('does not save over the only good copy of a session before that was put into the instance', () => {
    const session = {
      id: 'i',
      tool: 'claude',
      owner: 0,
      workspace: '',
      persistent: false,
      user: 'code',
    };
    const as = manifest();
    const kill = (stamped: Partial<Stamp>) => {
      const instance = owned(as, { stamped: { session, ...stamped }, startedAt: now - 1_000 });
      return names(plan({ ...world(as, { instance }), desired: deleted }));
    };
    const without = [{}, { restored: 'another' }, { saved: now - 2_000 }];
    for (const stamped of without) expect(kill(stamped)).not.toContain('save');
    expect(kill({ restored: 'i' })).toContain('save');
    expect(kill({ restored: 'i', saved: now - 2_000 })).toContain('save');
  });

  it('puts the session of an agent that shows itself in place before it is said to run', () => {
    const part = { id: 'i', direct: true, resumes: true } as const;
    const as = { ...manifest({ tool: { name: 'claude' }, session: part }), owner: { uid: 1, home: '/home/a' } };
    const steps = (stamped: Partial<Stamp>, power: OwnedInstance['power'] = 'running') =>
      names(plan(world(as, { instance: owned(as, { stamped, power }), agent: { kind: 'absent' } })));
    expect(steps({})).toEqual(['restore']);
    expect(steps({ restored: 'i' })).toEqual([]);
    expect(steps({ saved: now - 1_000 })).toEqual(['restore']);
    expect(steps({}, 'stopped')).not.toContain('restore');
    const fresh = { ...as, sandbox: { ...as.sandbox, session: { id: 'j', direct: true } as const } };
    const instance = owned(fresh, { stamped: { saved: now, restored: 'i' } });
    expect(names(plan(world(fresh, { instance })))).toEqual(['restore']);
  });

  it('of the agent are noted before a stopped one starts, and no restart', () => {
    const other = manifest({ ...plain.sandbox, tool: { command: ['other'] } });
    const stopped = owned(plain, { power: 'stopped' });
    const made = plan(world(other, { instance: stopped }));
    expect(names(made).slice(0, 2)).toEqual(['stamp', 'start']);
    expect(made.steps[0]?.action).toMatchObject({
      kind: 'stamp',
      stamp: { applied: { agent: expect.stringMatching(/./) } },
    });
    expect(made.block).toBeUndefined();
  });

  it('a restart for a manifest that says restart = "never" comes back, also without a changed hash', () => {
    const as = manifest({ restart: 'never', policy: { ...policy, allow: 'restart' } });
    const stopped = owned(as, { power: 'stopped', stamped: { intent: intent('restart') } });
    const [clear] = plan(world(as, { instance: stopped })).steps;
    expect(clear?.action).toMatchObject({ kind: 'stamp', stamp: { intent: undefined, halted: true } });
  });

  it.each(['in-place', 'restart'] as const)('of the image wait where policy.allow is "%s"', (allow) => {
    const made = plan(world(allowing(allow, { image: 'new' }), { instance: asBefore(allowing(allow)) }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'ImmutableChange' } });
  });

  it('of the image take it down and build it anew where policy.allow is "recreate"', () => {
    const made = plan(world(allowing('recreate', { image: 'new' }), { instance: asBefore(allowing('recreate')) }));
    expect(names(made)).toEqual(wholeTeardown);
    expect(made.steps[0]?.why).toBe('image can only change with a new instance');
  });

  it.each([
    ['its image is missing', { imageExists: false }, 'ImageMissing'],
    ['its workspace is at fault', { workspace: { message: '', hint: '' } }, 'InvalidWorkspace'],
    ['the network is not ready', { networkReady: false }, 'WaitingNetwork'],
  ])('nothing is taken down that cannot be built again: %s', (_why, changes, reason) => {
    const instance = asBefore(allowing('recreate'));
    const made = plan(world(allowing('recreate', { image: 'new' }), { instance, ...changes }));
    expect(made).toMatchObject({ steps: [], block: { reason } });
  });

  it('that can be made in place are, while others wait', () => {
    const as = manifest({ ...limited.sandbox, image: 'new' });
    const made = plan(world(as, { instance: asBefore(plain) }));
    expect(names(made)).toEqual(['update']);
    expect(made.block?.reason).toBe('ImmutableChange');
  });

  it('that wait do not leave a new instance looking half-made', () => {
    const instance = owned(plain, { stamped: { intent: intent('create'), hash: 'before' } });
    const made = plan(world(manifest({ image: 'new' }), { instance }));
    expect(made.steps.map(({ action }) => action)).toEqual([
      { kind: 'stamp', stamp: { intent: undefined, halted: false } },
    ]);
  });

  it('of the network load its rules first', () => {
    const made = plan(
      world(manifest({ network: { mode: 'open' } }), { instance: { ...asBefore(plain), rules: 'drifted' } }),
    );
    expect(names(made)).toEqual(['rules', 'stamp']);
    expect(made.steps[0]?.action).toMatchObject({ network: { mode: 'open' } });
  });
});

describe('depends_on', () => {
  const dependencies = [
    { name: 'db', ready: false },
    { name: 'cache', ready: true },
  ];

  it('keeps it from being created', () => {
    const made = plan(world(plain, { dependencies }));
    expect(made).toMatchObject({
      steps: [],
      block: { reason: 'WaitingDependency', message: 'It waits for db to be Ready' },
    });
  });

  it('keeps it from being started, not from being stopped', () => {
    const stopped = owned(plain, { power: 'stopped' });
    expect(plan(world(plain, { dependencies, instance: stopped })).block?.reason).toBe('WaitingDependency');
    const halt = manifest({ state: 'stopped' });
    expect(names(plan(world(halt, { dependencies, instance: owned(halt) })))).toEqual(['stop']);
  });

  it('does not stop what runs already', () => {
    expect(plan(world(plain, { dependencies, instance: owned(plain) }))).toMatchObject({ steps: [], block: undefined });
  });
});

describe('overrides', () => {
  it('a quarantine freezes as a security step', () => {
    const [step] = plan(world(plain, { instance: owned(plain), overrides: [override.quarantine] })).steps;
    expect(step).toMatchObject({ action: { kind: 'power', to: 'freeze' }, security: true });
  });

  it('a killed one is stopped and stays so, and nobody asks what is inside', () => {
    const killed = plan(world(plain, { instance: owned(plain), overrides: [override.kill] }));
    expect(names(killed)).toEqual(['stop']);
    expect(killed.steps[0]).toMatchObject({ action: { force: true }, security: true });
    const stopped = owned(plain, { power: 'stopped' });
    expect(plan(world(plain, { instance: stopped, overrides: [override.kill] })).steps).toEqual([]);
  });

  it('a quarantined one gets the rules of none, whatever its manifest says', () => {
    const made = plan(world(plain, { instance: owned(plain, { rules: 'drifted' }), overrides: [override.network] }));
    expect(made.steps[0]).toMatchObject({ action: { kind: 'rules', network: { mode: 'none' } }, security: true });
  });

  it('a stopped one is not started only to be frozen', () => {
    const stopped = owned(plain, { power: 'stopped' });
    expect(plan(world(plain, { instance: stopped, overrides: [override.freeze] })).steps).toEqual([]);
  });

  it('one that is created while frozen by command is created stopped', () => {
    const [step] = plan(world(plain, { reservation, overrides: [override.freeze] })).steps;
    expect(step?.action).toMatchObject({ kind: 'create', start: false });
  });

  it('one that is declared frozen is started, then frozen', () => {
    const frozen = manifest({ state: 'frozen' });
    expect(plan(world(frozen, { reservation })).steps[0]?.action).toMatchObject({ kind: 'create', start: true });
    expect(names(plan(world(frozen, { instance: owned(frozen, { power: 'stopped' }) })))).toEqual(['start']);
    expect(names(plan(world(frozen, { instance: owned(frozen) })))).toEqual(['freeze']);
  });

  it('a freeze that is over is none, and a look is due when one ends', () => {
    const instance = owned(plain, { power: 'frozen' });
    const over = { ...override.freeze, until: now };
    expect(names(plan(world(plain, { instance, overrides: [over] })))).toEqual(['unfreeze']);
    const later = { ...override.freeze, until: now + 1 };
    expect(plan(world(plain, { instance, overrides: [later] }))).toMatchObject({ steps: [], nextLookAt: now + 1 });
  });

  it('while suspended only rules, quarantine and isolation go on', () => {
    const instance = owned(limited, {
      rules: 'drifted',
      config: { ...owned(limited).config, 'limits.memory': '1GiB', 'security.privileged': 'true' },
    });
    const made = plan(world(limited, { instance, overrides: [override.suspend, override.quarantine] }));
    expect(names(made)).toEqual(['rules', 'update', 'freeze']);
    expect(made.steps[1]?.patch).toEqual([{ op: 'replace', path: '/config/security.privileged', value: 'false' }]);
    expect(made.block).toMatchObject({ reason: 'Suspended', stalled: false });
  });

  it.each([deleted, gone])('while suspended nothing is deleted (%o)', (desired) => {
    const suspend = { ...override.suspend, until: now + 9 };
    const made = plan(world(desired, { instance: owned(plain), overrides: [suspend] }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'Suspended' }, nextLookAt: now + 9 });
  });
});

describe('a session for one command', () => {
  const lease = { pid: 7, startedAt: '1', boot: 'b' };
  const session = manifest({ lease, restart: 'never' });
  const abandoned = { isAbandoned: true };

  it('goes when its command has ended, whatever became of it, and what declares it first', () => {
    expect(names(plan(world(session, { instance: owned(session) })))).toEqual([]);
    expect(names(plan(world(session, { ...abandoned, instance: owned(session) })))).toEqual([
      'expire',
      ...wholeTeardown,
    ]);
    expect(names(plan(world(session, abandoned)))).toEqual(['expire']);
    const expired = {
      kind: 'expired',
      state: 'absent',
      reason: 'x',
      by: 'controller',
      at: now,
      hash: session.hash,
    } as const;
    expect(names(plan(world(session, { ...abandoned, overrides: [expired] })))).toEqual([]);
  });

  it('is kept, stopped, when it is persistent', () => {
    const kept = manifest({ lease, restart: 'never', persistent: true });
    const stamped = { halted: true };
    expect(names(plan(world(kept, { ...abandoned, instance: owned(kept) })))).toEqual(['stamp', 'stop']);
    expect(names(plan(world(kept, { ...abandoned, instance: owned(kept, { power: 'stopped', stamped }) })))).toEqual(
      [],
    );
  });
});

describe('the longest running time', () => {
  const brief = manifest({ limits: { runtime: { maxMs: 60_000 } } });
  const since = (agoMs: number, changes: Parameters<typeof owned>[1] = {}) =>
    owned(brief, { startedAt: now - agoMs, ...changes });

  it('is looked at when it is over, and not before', () => {
    expect(plan(world(brief, { instance: since(59_000) }))).toMatchObject({ steps: [], nextLookAt: now + 1_000 });
  });

  it('stops, and is what keeps it stopped', () => {
    expect(names(plan(world(brief, { instance: since(60_000) })))).toEqual(['stop']);
    expect(plan(world(brief, { instance: since(99_000, { power: 'stopped' }) }))).toMatchObject({ steps: [] });
    const longer = manifest({ limits: { runtime: { maxMs: 600_000 } } });
    expect(names(plan(world(longer, { instance: since(99_000, { power: 'stopped' }) })))).toContain('start');
  });

  it('counts from the start that coi made, whatever started again inside', () => {
    const started = (agoMs: number) => since(1_000, { stamped: { started: now - agoMs } });
    expect(names(plan(world(brief, { instance: started(60_000) })))).toEqual(['stop']);
    expect(plan(world(brief, { instance: started(59_000) }))).toMatchObject({ steps: [], nextLookAt: now + 1_000 });
  });

  it('asks what runs inside to end, unless told not to', () => {
    const forced = manifest({ limits: { runtime: { maxMs: 60_000, force: true } } });
    const [asked] = plan(world(brief, { instance: since(60_000) })).steps;
    const [pulled] = plan(world(forced, { instance: owned(forced, { startedAt: 0 }) })).steps;
    expect([asked?.action, pulled?.action]).toMatchObject([{ force: false }, { force: true }]);
  });

  it('is another one for what is asked to start again, and the same for what runs', () => {
    const asked = manifest({ limits: { runtime: { maxMs: 60_000 } }, asked: { at: now - 1_000 } });
    const stopped = owned(asked, { startedAt: now - 99_000, power: 'stopped', stamped: { hash: 'before' } });
    expect(names(plan(world(asked, { instance: stopped })))).toContain('start');
    expect(names(plan(world(asked, { instance: owned(asked, { startedAt: now - 99_000 }) })))).toEqual(['stop']);
  });

  it('ends a session that nobody asked to keep', () => {
    const session = manifest({ restart: 'never', limits: { runtime: { maxMs: 60_000 } } });
    const stopped = owned(session, { startedAt: now - 60_000, power: 'stopped' });
    expect(names(plan(world(session, { instance: stopped })))[0]).toBe('expire');
  });
});

describe('lifetime and schedule', () => {
  const short = manifest({ lifetime: { ttlMs: 60_000 } });
  const born = (agoMs: number) => owned(short, { createdAt: now - agoMs });

  it('lives until its time is over, and a look is due then', () => {
    expect(plan(world(short, { instance: born(59_999) }))).toMatchObject({ steps: [], nextLookAt: now + 1 });
  });

  it('its end is remembered first, or it would be created again', () => {
    expect(names(plan(world(short, { instance: born(60_000) })))).toEqual(['expire', ...wholeTeardown]);
  });

  it('once remembered, it is not created again', () => {
    const expired = { kind: 'expired', state: 'absent', reason: 'lifetime', by: 'controller', at: now } as const;
    const made = plan(world(short, { overrides: [{ ...expired, hash: short.hash }] }));
    expect(made).toMatchObject({ steps: [], block: undefined });
    const again = plan(
      world(manifest({ lifetime: { ttlMs: 99_000 } }), { overrides: [{ ...expired, hash: short.hash }] }),
    );
    expect(names(again)).toEqual(['reserve', 'create']);
  });

  it('many ends at once are spread, and its rules are kept right meanwhile', () => {
    const made = plan(world(short, { instance: { ...born(60_000), rules: 'drifted' }, mayExpire: false }));
    expect(names(made)).toEqual(['rules']);
    expect(made).toMatchObject({ block: { reason: 'ExpiryLimit' }, nextLookAt: now + 10_000 });
  });

  it('while its source cannot be read in full it is frozen, not deleted', () => {
    const desired = { kind: 'declared', manifest: short, sourceComplete: false } as const;
    expect(names(plan(world(desired, { instance: born(60_000) })))).toEqual(['freeze']);
  });

  it('its schedule stops and starts it', () => {
    const scheduled = (state: 'running' | 'stopped') => ({ state, nextChangeMs: now + 5_000 });
    const stop = plan(world(plain, { instance: owned(plain), scheduled: scheduled('stopped') }));
    expect(names(stop)).toEqual(['stop']);
    expect(stop.nextLookAt).toBe(now + 5_000);
    const start = plan(world(plain, { instance: owned(plain, { power: 'stopped' }), scheduled: scheduled('running') }));
    expect(names(start)).toEqual(['start']);
  });
});

describe('what stands in the way', () => {
  it.each([
    ['a foreign instance has the name', { nameTaken: 'it is taken' }, 'ForeignOwner', true],
    ['there is no such image', { imageExists: false }, 'ImageMissing', true],
    ['its workspace is at fault', { workspace: { message: 'no', hint: 'do' } }, 'InvalidWorkspace', true],
    ['the host’s network is not ready', { networkReady: false }, 'WaitingNetwork', false],
  ])('nothing is created when %s', (_why, changes, reason, isStalled) => {
    const made = plan(world(plain, { reservation, ...changes }));
    expect(made).toMatchObject({ steps: [], block: { reason, stalled: isStalled } });
    expect(made.block?.hint === undefined).toBe(!isStalled);
  });

  it('a fault of the workspace stops a start, not what runs', () => {
    const workspace = { message: 'it is a symbolic link', hint: 'name the directory itself' };
    const stopped = owned(plain, { power: 'stopped' });
    expect(plan(world(plain, { instance: stopped, workspace })).block?.reason).toBe('InvalidWorkspace');
    expect(plan(world(plain, { instance: owned(plain), workspace })).block).toBeUndefined();
  });

  it.each([
    ['stopped', { networkReady: false }, 'current'],
    ['stopped', {}, 'unknown'],
    ['frozen', { networkReady: false }, 'current'],
    ['frozen', {}, 'unknown'],
  ] as const)('what is %s stays so with %o and rules that are %s', (power, changes, rules) => {
    const made = plan(world(plain, { instance: owned(plain, { power, rules }), ...changes }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'WaitingNetwork', stalled: false } });
  });

  it('a new manifest is not taken for carried out while nobody sees the rules, and an old one stays so', () => {
    const made = plan(world(limited, { instance: owned(plain, { rules: 'unknown' }) }));
    expect(names(made)).toEqual(['update']);
    expect(made.block).toMatchObject({ reason: 'WaitingNetwork', stalled: false });
    expect(plan(world(plain, { instance: owned(plain, { rules: 'unknown' }) }))).toMatchObject({ steps: [] });
    expect(plan(world(plain, { instance: owned(plain, { rules: 'unknown' }) })).block).toBeUndefined();
  });

  it('wrong rules are put right before it starts', () => {
    const instance = owned(plain, { power: 'stopped', rules: 'drifted' });
    expect(names(plan(world(plain, { instance })))).toEqual(['rules', 'start']);
  });

  it('while Incus is busy with it, only its rules are put right, as its manifest has them', () => {
    const instance = owned(plain, { busy: 'Stopping instance', rules: 'drifted' });
    const made = plan(world(manifest({ network: { mode: 'none' } }), { instance }));
    expect(made.steps).toMatchObject([{ action: { kind: 'rules', network: { mode: 'none' } } }]);
    expect(made.block?.reason).toBe('WaitingOperation');
  });

  it('an instance whose stamp does not say where it sits is left alone', () => {
    const made = plan(world(plain, { instance: { ...owned(plain), endpoint: undefined } }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'ForeignOwner', stalled: true } });
  });

  it('frozen and absent: nothing is created for what is declared absent', () => {
    expect(plan(world(manifest({ state: 'absent' })))).toMatchObject({ steps: [], block: undefined });
    expect(names(plan(world(manifest({ state: 'absent' }), { reservation })))).toEqual(['release']);
    expect(names(plan(world(manifest({ state: 'absent' }), { instance: owned(plain) })))).toEqual(wholeTeardown);
  });
});

describe('fights', () => {
  const config = { ...owned(limited).config, 'limits.memory': '1GiB' };

  it('a field that somebody else keeps writing is left alone and said', () => {
    const made = plan(world(limited, { instance: owned(limited, { config }), fighting: ['/config/limits.memory'] }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'Fighting', stalled: true } });
  });

  it('other fields are still put right', () => {
    const changed = { ...config, 'boot.autostart': 'true' };
    const made = plan(
      world(limited, { instance: owned(limited, { config: changed }), fighting: ['/config/limits.memory'] }),
    );
    expect(made.steps[0]?.patch).toEqual([{ op: 'replace', path: '/config/boot.autostart', value: 'false' }]);
  });

  it('what a fight stops from being carried out is not stamped as carried out', () => {
    const instance = owned(plain, { stamped: { hash: 'before' } });
    expect(plan(world(limited, { instance, fighting: ['/config/limits.memory'] })).steps).toEqual([]);
  });

  it('over power: it is not started, and no agent is started in it', () => {
    const as = manifest({ tool: { command: ['claude'] } });
    const instance = owned(as, { power: 'stopped', stamped: { hash: 'before' } });
    const made = plan(world(as, { instance, agent: { kind: 'absent' }, fighting: ['/state'] }));
    expect(made).toMatchObject({ steps: [], block: { reason: 'Fighting' } });
  });

  it('over power: a quarantine still halts it', () => {
    const made = plan(world(plain, { instance: owned(plain), fighting: ['/state'], overrides: [override.quarantine] }));
    expect(names(made)).toEqual(['freeze']);
  });
});

describe('the agent', () => {
  const as = manifest({ tool: { command: ['claude'] } });
  const ended = (restartAt: number) => ({ kind: 'ended', exitCode: 1, restartAt }) as const;
  const never = manifest({ tool: { command: ['claude'] }, restart: 'never' });

  it('is started when it is not there', () => {
    expect(names(plan(world(as, { instance: owned(as), agent: { kind: 'absent' } })))).toEqual(['agent']);
  });

  it('is started again when it ended and its wait is over', () => {
    const [step] = plan(world(as, { instance: owned(as), agent: ended(now) })).steps;
    expect(step?.action).toMatchObject({ kind: 'agent', launch: 'again' });
  });

  it('is started with what it did before when somebody comes back to it, and else once', () => {
    const launchOf = (isWantedBack?: true) => {
      const agent = { kind: 'absent', ...(isWantedBack && { isWantedBack }) } as const;
      return plan(world(never, { instance: owned(never), agent })).steps[0]?.action;
    };
    expect(launchOf()).toMatchObject({ kind: 'agent', launch: 'once' });
    expect(launchOf(true)).toMatchObject({ kind: 'agent', launch: 'back' });
  });

  it('is waited for until then', () => {
    const made = plan(world(as, { instance: owned(as), agent: ended(now + 500) }));
    expect(made).toMatchObject({ steps: [], nextLookAt: now + 500 });
  });

  it.each([
    ['restart is "never"', never, {}],
    ['it is frozen', as, { overrides: [override.freeze] }],
    ['it is suspended', as, { overrides: [override.suspend] }],
  ])('that ended is not waited for when %s: no look is due in the past', (_why, manifestOf, changes) => {
    const power = 'overrides' in changes && changes.overrides?.[0] === override.freeze ? 'frozen' : 'running';
    const made = plan(
      world(manifestOf, { instance: owned(manifestOf, { power }), agent: ended(now - 500), ...changes }),
    );
    expect(made).toMatchObject({ steps: [], nextLookAt: undefined });
  });

  it('of a sandbox without a command is none', () => {
    expect(plan(world(plain, { instance: owned(plain), agent: { kind: 'absent' } })).steps).toEqual([]);
  });
});
