import * as fc from 'fast-check';
import jsonpatch from 'fast-json-patch';
import { describe, expect, it } from 'vitest';
import { differences } from '../../src/plan/difference.ts';
import { effectiveState, type StateInputs } from '../../src/plan/effective-state.ts';
import { heldNames, pruneGraceMs, pruneVerdicts, type PruneInput } from '../../src/plan/guard.ts';
import type { Override } from '../../src/plan/override.ts';
import { plan } from '../../src/plan/plan.ts';
import { desiredView } from '../../src/plan/render-instance.ts';
import { parseStamp, renderStamp, type Stamp } from '../../src/plan/stamp.ts';
import { liveView, normaliseView, type View } from '../../src/plan/view.ts';
import type { AgentState, Desired, OwnedInstance, PruneVerdict, World } from '../../src/plan/world.ts';
import { runStates, type Limits, type Manifest, type Sandbox } from '../../src/spec/sandbox.ts';
import { sized } from '../helpers/full.ts';
import { endpoint, manifest, now, override, owned, placement, tombstoned, uid, world } from '../plan/given.ts';

const numRuns = sized(1_000, 20_000);
const size = fc.constantFrom('512MiB', '1GiB', '1073741824', '4GB', '2GiB');

const limits: fc.Arbitrary<Limits> = fc.record(
  {
    cpu: fc.record({ count: fc.constantFrom('1', '2', '0-3') }),
    memory: fc.record({ limit: size, enforce: fc.constantFrom('hard', 'soft') }),
    disk: fc.record({ max: size }),
    processes: fc.integer({ min: 1, max: 500 }),
  },
  { requiredKeys: [] },
);

const sandboxes: fc.Arbitrary<Partial<Sandbox>> = fc.record(
  {
    image: fc.constantFrom('coi', 'other'),
    state: fc.constantFrom(...runStates),
    workspace: fc.constantFrom('/home/ann/shop', '/srv/a~b'),
    restart: fc.constantFrom('always', 'never'),
    tool: fc.constantFrom({}, { command: ['claude'] }, { command: ['codex'] }),
    network: fc.record({ mode: fc.constantFrom('restricted', 'open', 'none') }),
    limits,
    lifetime: fc.record({ ttlMs: fc.integer({ min: 1, max: 200_000 }) }),
    policy: fc.record({
      deletion: fc.constantFrom('delete', 'orphan', 'protect', 'confirm'),
      drift: fc.constantFrom('enforce', 'observe'),
      allow: fc.constantFrom('in-place', 'restart', 'recreate'),
    }),
    shift: fc.boolean(),
  },
  { requiredKeys: [] },
);

const manifests = sandboxes.map((changes) => manifest(changes));
const times = fc.integer({ min: now - 300_000, max: now + 300_000 });

/** Configuration that somebody may have changed by hand: managed keys, others, and other ways to write the same. */
const edits = fc.dictionary(
  fc.constantFrom(
    'limits.memory',
    'limits.cpu',
    'security.privileged',
    'boot.autostart',
    'user.note',
    'limits.processes',
    'raw.lxc',
    'security.nesting',
  ),
  fc.constantFrom('1GiB', '1073741824', 'true', 'TRUE', 'on', 'false', 'no', '2', ''),
);

const stamps = fc.record(
  {
    hash: fc.constantFrom('old', 'older'),
    halted: fc.boolean(),
    intent: fc.record({ kind: fc.constantFrom('create', 'delete', 'restart'), at: fc.constant(now - 1_000) }),
  },
  { requiredKeys: [] },
);

const instances: fc.Arbitrary<OwnedInstance> = fc
  .record({
    was: manifests,
    stamped: stamps,
    edit: edits,
    power: fc.constantFrom('running', 'frozen', 'stopped', 'other'),
    rules: fc.constantFrom('current', 'drifted', 'unknown'),
    busy: fc.constantFrom(undefined, undefined, undefined, 'Stopping instance'),
    profiles: fc.subarray(['default', 'b', 'a'], { maxLength: 2 }),
    lacks: fc.constantFrom('none', 'none', 'eth0', 'root'),
    flags: fc.record({ createdHere: fc.boolean(), lostPower: fc.boolean() }),
    createdAt: times,
  })
  .map(({ was, stamped, edit, lacks, flags, ...changes }) => {
    const instance = owned(was, { ...changes, ...flags, stamped });
    const devices = Object.fromEntries(Object.entries(instance.devices).filter(([name]) => name !== lacks));
    return { ...instance, devices, config: { ...instance.config, ...edit } };
  });

const verdicts: fc.Arbitrary<PruneVerdict> = fc.constantFrom<PruneVerdict>(
  { kind: 'allowed' },
  { kind: 'wait', reason: 'Grace', message: '', until: now + 1 },
  { kind: 'wait', reason: 'Grace', message: '', until: now - 1 },
  { kind: 'wait', reason: 'SourceIncomplete', message: '' },
  { kind: 'held', reason: 'Guarded', message: '' },
  { kind: 'held', reason: 'NeedsConfirm', message: '' },
);

const desires: fc.Arbitrary<Desired> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('declared'), manifest: manifests, sourceComplete: fc.boolean() }),
  },
  fc.record({ kind: fc.constant('missing'), verdict: verdicts }),
  fc.constantFrom<Desired>({ kind: 'deleted' }, { kind: 'unknown', message: '' }),
);

const until = fc.option(times, { nil: undefined });
const overrides: fc.Arbitrary<Override[]> = fc.array(
  fc
    .tuple(fc.constantFrom<Override>(...Object.values(override)), until)
    .map(([each, end]) => (end === undefined ? each : { ...each, until: end })),
  { maxLength: 3 },
);

const agents: fc.Arbitrary<AgentState> = fc.oneof(
  fc.constantFrom<AgentState>({ kind: 'unknown' }, { kind: 'absent' }, { kind: 'running' }),
  fc.record({ kind: fc.constant('ended'), exitCode: fc.nat(255), restartAt: times }),
);

const worlds: fc.Arbitrary<World> = fc
  .record({
    desired: desires,
    changes: fc.record({
      instance: fc.option(instances, { nil: undefined, freq: 4 }),
      tombstone: fc.option(fc.constant(tombstoned(manifest(), { stamped: { uid: uid.replace('J', 'K') } })), {
        nil: undefined,
        freq: 1,
      }),
      reservation: fc.constantFrom(undefined, { uid, endpoint }),
      nameTaken: fc.constantFrom(undefined, undefined, 'somebody has it'),
      networkReady: fc.boolean(),
      workspace: fc.constantFrom(undefined, undefined, { message: 'no', hint: 'do' }),
      imageExists: fc.constantFrom(true, true, false, undefined),
      overrides,
      dependencies: fc.constantFrom([], [{ name: 'db', ready: false }]),
      scheduled: fc.constantFrom(
        undefined,
        { state: 'running', nextChangeMs: now + 9 },
        { state: 'stopped', nextChangeMs: now - 9 },
      ),
      agent: agents,
      mayExpire: fc.boolean(),
      fighting: fc.subarray(['/state', '/config/limits.memory', '/config/security.privileged']),
    }),
  })
  .map(({ desired, changes }) => world(desired, changes as Partial<World>));

const fresh = <T>(value: T): T => structuredClone(value);

describe('a plan', () => {
  it('is the same for the same world, and leaves the world as it was', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const before = fresh(given);
        expect(plan(given)).toEqual(plan(fresh(given)));
        expect(given).toEqual(before);
      }),
      { numRuns },
    );
  });

  it('touches nothing but what carries a uid of ours, and creates only where there is nothing', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const mine = [given.instance, given.tombstone].flatMap((each) =>
          each ? [`${each.name} ${each.stamp.uid}`] : [],
        );
        for (const { action, instance, precondition } of plan(given).steps) {
          const target = `${instance} ${precondition.uid}`;
          const isNew =
            ['reserve', 'create', 'release', 'agent'].includes(action.kind) && precondition.absent === instance;
          expect(isNew ? [target] : mine).toContain(target);
        }
      }),
      { numRuns },
    );
  });

  it('asks to be looked at in the future or not at all', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        expect(plan(given).nextLookAt ?? Infinity).toBeGreaterThan(given.now);
      }),
      { numRuns },
    );
  });

  it('lets only security steps through while suspended', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        const suspended = plan({ ...given, overrides: [override.suspend] });
        expect(suspended.steps.filter(({ security }) => !security)).toEqual([]);
        expect(suspended.block?.reason).toBe('Suspended');
      }),
      { numRuns },
    );
  });

  it('deletes only what was deleted by command, what the guard allows, what is to go, or what is to be built anew', () => {
    fc.assert(
      fc.property(worlds, ({ desired, ...given }) => {
        const instanceOnly = { ...given, tombstone: undefined, desired };
        const isDestructive = plan(instanceOnly).steps.some(({ risk }) => risk === 'destructive');
        const mayBe =
          desired.kind === 'declared' ||
          desired.kind === 'deleted' ||
          (desired.kind === 'missing' && desired.verdict.kind === 'allowed');
        expect(isDestructive && !mayBe).toBe(false);
      }),
      { numRuns },
    );
  });

  it('says why, for each of its steps', () => {
    fc.assert(
      fc.property(worlds, (given) => {
        for (const { why } of plan(given).steps) expect(why).not.toBe('');
      }),
      { numRuns },
    );
  });
});

describe('differences()', () => {
  const pairs = fc.record({ instance: instances, desired: manifests });
  const viewOf = ({ sandbox }: Manifest) => desiredView(sandbox, { uid, endpoint }, placement);

  it('carried out on what is live, give what is desired', () => {
    fc.assert(
      fc.property(pairs, ({ instance, desired }) => {
        const view = viewOf(desired);
        const live = normaliseView(liveView(instance, view, instance.stamp.applied));
        const operations = differences(instance, view, instance.stamp.applied).map(({ operation }) => operation);
        const { newDocument } = jsonpatch.applyPatch(fresh(live), fresh(operations), true);
        expect(newDocument).toEqual(normaliseView(view));
      }),
      { numRuns },
    );
  });

  it('carried out on the instance itself, leave nothing to do', () => {
    fc.assert(
      fc.property(pairs, ({ instance, desired }) => {
        const view = viewOf(desired);
        const operations = differences(instance, view, instance.stamp.applied)
          .map(({ operation }) => operation)
          .filter(({ path }) => /^\/(config|devices|profiles)/.test(path));
        const { config, devices, profiles } = instance;
        const { newDocument } = jsonpatch.applyPatch(fresh({ config, devices, profiles }), fresh(operations), true);
        expect(differences(newDocument, view, view)).toEqual([]);
      }),
      { numRuns },
    );
  });

  it('are updates where the manifest changed the field, drift where somebody else did', () => {
    fc.assert(
      fc.property(pairs, ({ instance, desired }) => {
        const view = viewOf(desired);
        expect(differences(instance, view, view).filter(({ origin }) => origin !== 'drift')).toEqual([]);
        expect(differences(instance, view, undefined).filter(({ origin }) => origin !== 'update')).toEqual([]);
        const untouched = owned(desired);
        expect(differences(untouched, view, view)).toEqual([]);
      }),
      { numRuns },
    );
  });

  it.each([
    ['/image', 'recreate', false],
    ['/devices/root/pool', 'recreate', false],
    ['/agent', 'restart', false],
    ['/config/security.privileged', 'restart', true],
    ['/config/security.protection.delete', 'in-place', true],
    ['/config/boot.autostart', 'in-place', true],
    ['/devices/eth0/host_name', 'in-place', true],
    ['/config/limits.memory', 'in-place', false],
    ['/devices/workspace', 'in-place', false],
    ['/network', 'in-place', true],
    ['/profiles', 'in-place', true],
  ] as const)('%s is changed %s', (path, change, security) => {
    const whole = viewOf(manifest({ workspace: '/srv', limits: { memory: { limit: '1GiB' } } }));
    const value = path === '/profiles' ? ['x'] : 'x';
    const edit =
      path === '/devices/workspace' ? ({ op: 'remove', path } as const) : ({ op: 'replace', path, value } as const);
    const other = jsonpatch.applyPatch(fresh(whole), [edit]).newDocument;
    const live = { profiles: other.profiles, config: other.config, devices: other.devices };
    const [found, ...rest] = differences(live, whole, other);
    expect(rest).toEqual([]);
    expect(found).toMatchObject({ path, change, security, origin: 'update' });
  });
});

describe('normaliseView()', () => {
  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(instances, ({ stamp }) => {
        const once = normaliseView(stamp.applied as View);
        expect(normaliseView(once)).toEqual(once);
      }),
      { numRuns },
    );
  });

  it.each([
    ['4GiB', '4096MiB'],
    ['true', 'TRUE'],
    ['yes', 'on'],
    ['no', 'false'],
    ['1kB', '1000B'],
  ])('%s is %s', (a, b) => {
    const view = (value: string) => ({
      ...desiredView(manifest().sandbox, { uid, endpoint }, placement),
      config: { key: value },
    });
    expect(normaliseView(view(a))).toEqual(normaliseView(view(b)));
  });
});

describe('a stamp', () => {
  it('reads back as it was written', () => {
    fc.assert(
      fc.property(instances, ({ stamp }) => {
        const config = Object.fromEntries(Object.entries(renderStamp(stamp)).filter(([, value]) => value !== ''));
        expect(parseStamp(config)).toEqual(stamp);
      }),
      { numRuns },
    );
  });

  it('of another shape is none, whatever is in its keys', () => {
    const keys = renderStamp(owned(manifest()).stamp);
    const names = fc.constantFrom('applied', 'intent', 'uid', 'name', 'instance', 'source');
    fc.assert(
      fc.property(names, fc.oneof(fc.json(), fc.string()), (name, value) => {
        const stamp = parseStamp({ ...keys, [`user.coi.${name}`]: value });
        const applied: Stamp['applied'] = stamp?.applied;
        expect([undefined, 'string']).toContain(typeof applied?.image === 'string' ? 'string' : applied);
        expect(['create', 'delete', 'restart', undefined]).toContain(stamp?.intent?.kind);
      }),
      { numRuns },
    );
  });
});

describe('effectiveState()', () => {
  const rank = (state: (typeof runStates)[number]) => runStates.indexOf(state);
  const inputs: fc.Arbitrary<StateInputs> = fc.record({
    overrides,
    scheduled: fc.constantFrom(
      undefined,
      { state: 'running', nextChangeMs: now + 5 },
      { state: 'stopped' },
      { state: undefined },
    ),
    createdAt: fc.option(times, { nil: undefined }),
    mayBeExtended: fc.boolean(),
    now: fc.constant(now),
  });

  it('is the lowest of all that have a say, and one of them', () => {
    fc.assert(
      fc.property(manifests, inputs, (given, input) => {
        const { state } = effectiveState(given, input);
        const say = [given.sandbox.state, input.scheduled?.state, ...input.overrides.map((each) => each.state)];
        for (const each of say) expect(rank(state)).toBeLessThanOrEqual(rank(each ?? 'running'));
        const expired = input.createdAt !== undefined && given.sandbox.lifetime ? ['absent', 'frozen'] : [];
        expect([...say, ...expired]).toContain(state);
      }),
      { numRuns },
    );
  });

  it('never rises when one more has a say', () => {
    fc.assert(
      fc.property(manifests, inputs, fc.constantFrom(...Object.values(override)), (given, input, more) => {
        const before = effectiveState(given, input);
        const after = effectiveState(given, { ...input, overrides: [...input.overrides, more] });
        expect(rank(after.state)).toBeLessThanOrEqual(rank(before.state));
      }),
      { numRuns },
    );
  });

  it('changes at moments that are ahead', () => {
    fc.assert(
      fc.property(manifests, inputs, (given, input) => {
        expect(effectiveState(given, input).changesAt ?? Infinity).toBeGreaterThan(now);
      }),
      { numRuns },
    );
  });
});

describe('the guard', () => {
  const missing = fc.record({
    reads: fc.integer({ min: 0, max: 3 }),
    since: fc.integer({ min: now - 3 * pruneGraceMs, max: now }),
    deletion: fc.constantFrom('delete', 'delete', 'orphan', 'protect', 'confirm'),
  });
  const inputs: fc.Arbitrary<PruneInput> = fc
    .record({
      read: fc.constantFrom<PruneInput['read']>(
        { kind: 'complete' },
        { kind: 'partial', message: 'a' },
        { kind: 'failed', message: 'b' },
      ),
      sentinel: fc.boolean(),
      others: fc.nat(60),
      list: fc.array(missing, { maxLength: 30 }),
      confirmed: fc.uniqueArray(fc.nat(30), { maxLength: 5 }),
    })
    .map(({ read, sentinel, others, list, confirmed }) => ({
      read,
      sentinel,
      owned: others + list.length,
      missing: list.map((each, index) => ({ name: `s${index}`, ...each })) as PruneInput['missing'],
      confirmed: new Set(confirmed.map((index) => `s${index}`)),
      now,
    }));
  const allowed = (input: PruneInput) =>
    input.missing.filter(({ name }) => pruneVerdicts(input).get(name)?.kind === 'allowed');

  it('allows nothing from a read that is not complete, before two reads agree, or before the grace is over', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        for (const { reads, since } of allowed(input)) {
          expect(input.read.kind).toBe('complete');
          expect(reads).toBeGreaterThanOrEqual(2);
          expect(now - since).toBeGreaterThanOrEqual(pruneGraceMs);
        }
      }),
      { numRuns },
    );
  });

  it('never allows more than three or a fifth at once that nobody confirmed', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const unasked = allowed(input).filter(
          ({ name, deletion }) => !input.confirmed.has(name) && deletion === 'delete',
        );
        expect(unasked.length).toBeLessThanOrEqual(Math.max(3, Math.floor((input.owned * 20) / 100)));
      }),
      { numRuns },
    );
  });

  it('never lets a source go to nothing without its sentinel', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const going = allowed(input).filter(
          ({ name, deletion }) => !input.confirmed.has(name) && deletion !== 'protect',
        );
        const isAll =
          input.owned > 0 && going.length === input.owned && going.every((each) => each.deletion === 'delete');
        expect(isAll && !input.sentinel).toBe(false);
      }),
      { numRuns },
    );
  });

  it('holds what is to be confirmed until it is', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const unasked = allowed(input).filter(
          ({ name, deletion }) => deletion === 'confirm' && !input.confirmed.has(name),
        );
        expect(unasked).toEqual([]);
        const confirmed = new Set(heldNames(pruneVerdicts(input)));
        expect(heldNames(pruneVerdicts({ ...input, confirmed: new Set([...input.confirmed, ...confirmed]) }))).toEqual(
          [],
        );
      }),
      { numRuns },
    );
  });

  it.each([
    [3, 3, true, true],
    [4, 4, true, false],
    [1, 1, false, false],
    [1, 1, true, true],
    [15, 3, false, true],
    [20, 4, false, true],
    [20, 5, false, false],
    [100, 20, false, true],
    [100, 21, false, false],
  ])('of %i, %i at once (sentinel: %s): %s', (total, doomed, sentinel, isAllowed) => {
    const list = Array.from({ length: doomed }, (_, index) => ({
      name: `s${index}`,
      since: now - pruneGraceMs,
      reads: 2,
      deletion: 'delete' as const,
    }));
    const input: PruneInput = {
      read: { kind: 'complete' },
      sentinel,
      owned: total,
      missing: list,
      confirmed: new Set(),
      now,
    };
    expect(allowed(input)).toHaveLength(isAllowed ? doomed : 0);
  });
});
