import { describe, expect, it } from 'vitest';
import { Agents } from '../../src/apply/agents.ts';
import type { KeptInstance } from '../../src/apply/session-keeper.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { SessionControl, type SessionControlInit, type SessionManifest } from '../../src/controller/session-control.ts';
import type { SessionRequest } from '../../src/controller/session-api.ts';
import { plan } from '../../src/plan/plan.ts';
import type { OwnedInstance, World } from '../../src/plan/world.ts';
import type { Manifest, Sandbox, SessionPart } from '../../src/spec/sandbox.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, owned, sandbox, uid as instanceUid, world } from '../plan/given.ts';

const hash = 'bbb41b38';
const user = 1_000;
const source = `session/${user}`;

/** A sandbox of the user's in a slot, with what is in it. */
function inSlot(slot: number, part: Partial<SessionPart>, changes: Partial<Sandbox> = {}): Manifest {
  const session = { id: 'the-id', ...part };
  const own = { tool: { name: 'claude' }, restart: 'never', session, ...changes } as const;
  return {
    ...manifest(own),
    name: `${hash}-${slot}`,
    instance: `coi-${hash}-${slot}`,
    source,
    owner: { uid: user, home: '/home/a' },
  };
}

interface Given {
  readonly at: Manifest;
  readonly power?: OwnedInstance['power'];
  readonly agent?: World['agent'];
  /** Id of the session whose state is in it; that of its own unless given. */
  readonly restored?: string;
}

/** A controller as far as opening sessions needs one, with one sandbox or none. */
function controlWith(given?: Given) {
  const sandboxes = new Sandboxes(() => undefined);
  const agents = new Agents(new FakeClock());
  const put: SessionManifest[] = [];
  const created: SessionManifest[] = [];
  const noted: KeptInstance[] = [];
  const manifests = new Map<string, Manifest>();
  const instances: unknown[] = [];
  let wanted: Sandbox = sandbox();
  if (given) {
    const { at, power = 'running', agent = { kind: 'running' } } = given;
    manifests.set(at.name, at);
    const { id } = at.sandbox.session!;
    const { restored = id } = given;
    const session = { id, tool: 'claude', owner: user, workspace: '', persistent: false, user: 'code' };
    const instance = owned(at, { power, stamped: { session, restored }, startedAt: 1 });
    const { stamp } = instance;
    instances.push({
      instance: { name: at.instance, state: power },
      owner: { kind: 'owned', stamp, isTombstone: false },
    });
    const seen = { ...world(at, { instance, agent }), name: at.name };
    sandboxes.record({ world: seen, plan: plan(seen) });
    if (agent.kind === 'running') agents.started(instanceUid);
    if (agent.kind === 'ended') agents.ended(instanceUid, agent.exitCode);
  }
  const control = new SessionControl({
    controller: {
      sandboxes,
      desired: {
        manifests: () => manifests,
        tombstoneOf: () => undefined,
        of: () => ({ kind: 'deleted' }),
        declaredAs: () => undefined,
      },
      instances: { all: () => instances, ofSandbox: () => [], refresh: async () => undefined },
      sources: { read: async () => undefined },
      hintSandbox: () => undefined,
      hands: { agents, sessions: { note: async (kept: KeptInstance) => void noted.push(kept) } },
    },
    manifests: {
      sourceOf: (uid: number) => `session/${uid}`,
      isSession: () => true,
      read: async () => wanted,
      create: async (_: number, each: SessionManifest) => {
        created.push(each);
        return '/file';
      },
      put: async (_: number, each: SessionManifest) => {
        put.push(each);
        return '/file';
      },
    },
    audit: async () => undefined,
    lifetime: new AbortController().signal,
  } as unknown as SessionControlInit);
  const open = (of: Sandbox, more: Partial<SessionRequest> = {}) => {
    wanted = of;
    return control.openSession({ uid: user, by: 'ann', hash, prefix: 'coi-', manifest: '', goesOn: true, ...more });
  };
  return { control, open, agents, put, created, noted };
}

const resumed = inSlot(1, { resumes: true }).sandbox;
const ended = { kind: 'ended', exitCode: 0, restartAt: 0 } as const;

describe('a session that is resumed', () => {
  it('is joined where it runs, whatever slot is asked for: it never runs twice', async () => {
    const { open, created, put } = controlWith({ at: inSlot(3, {}) });
    expect(await open(resumed, { slot: 1 })).toMatchObject({ slot: 3, instance: `coi-${hash}-3`, isJoined: true });
    expect([created, put]).toEqual([[], []]);
  });

  it('is refused where its container is frozen, or a file declares it, with what to do', async () => {
    const frozen = controlWith({ at: inSlot(3, {}), power: 'frozen' });
    const hint = expect.stringContaining(`coi resume coi-${hash}-3`);
    await expect(frozen.open(resumed)).rejects.toMatchObject({ code: 'session.busy', hint });
    const declared = { ...inSlot(3, {}), source: 'directory:x', name: 'job', instance: 'coi-job' };
    const busy = { code: 'session.busy', hint: expect.stringContaining('coi attach coi-job') };
    await expect(controlWith({ at: declared }).open(resumed)).rejects.toMatchObject(busy);
  });

  it('goes on in its own container that was kept, and not in that of another session', async () => {
    const kept = { at: inSlot(2, {}, { persistent: true }), power: 'stopped' } as const;
    const own = controlWith(kept);
    expect(await own.open(resumed)).toMatchObject({ slot: 2, isReused: true });
    expect(own.put).toMatchObject([{ sandbox: { persistent: true, session: { id: 'the-id', resumes: true } } }]);
    const other = controlWith(kept);
    const wanted = { ...resumed, persistent: true, session: { id: 'another', resumes: true } as const };
    expect(await other.open(wanted, { slot: 2 })).toMatchObject({ slot: 3, isReused: false });
    expect(other.put).toEqual([]);
  });
});

describe('an agent that has ended', () => {
  it('is wanted back by whoever joins its session, and is there only once it was started again', async () => {
    const { control, open, agents } = controlWith({ at: inSlot(1, {}, { persistent: true }), agent: ended });
    const signal = new AbortController().signal;
    const agentIn = () => control.awaitSandbox({ name: `${hash}-1`, goal: 'agent', timeoutMs: 50, signal });
    expect(await agentIn()).toMatchObject({ outcome: 'reached' });
    const fresh = inSlot(1, { id: 'new' }, { persistent: true }).sandbox;
    expect(await open(fresh, { slot: 1 })).toMatchObject({ slot: 1, isJoined: true });
    expect(agents.state(instanceUid)).toEqual({ kind: 'absent', isWantedBack: true });
    expect(await agentIn()).toMatchObject({ outcome: 'timeout' });
  });

  it('is left alone while it runs, and where nobody but its command starts it', async () => {
    const running = controlWith({ at: inSlot(1, {}) });
    await running.open(resumed);
    expect(running.agents.state(instanceUid)).toMatchObject({ kind: 'running' });
    const direct = controlWith({ at: inSlot(1, { direct: true }), agent: { kind: 'absent' } });
    expect(await direct.open(resumed)).toMatchObject({ isJoined: true, isDirect: true });
    expect(direct.agents.state(instanceUid)).toEqual({ kind: 'absent' });
  });
});

it('a session without tmux runs only once what was saved of it is there', async () => {
  const signal = new AbortController().signal;
  for (const [restored, outcome] of [
    ['another', 'timeout'],
    ['the-id', 'reached'],
  ] as const) {
    const { control } = controlWith({ at: inSlot(1, { direct: true, resumes: true }), restored });
    const wait = { name: `${hash}-1`, goal: 'running', timeoutMs: 50, signal } as const;
    expect(await control.awaitSandbox(wait)).toMatchObject({ outcome });
  }
});

it('persist says at once in the metadata of a session that its container stays', async () => {
  const { control, noted } = controlWith({ at: inSlot(1, {}) });
  expect(await control.persist({ names: [`${hash}-1`], by: 'ann' })).toMatchObject([{ done: true }]);
  expect(noted).toMatchObject([{ container: `coi-${hash}-1`, session: { id: 'the-id', persistent: true } }]);
});
