import { ulid } from 'ulid';
import type { AuditEntry } from '../audit/record.ts';
import { Problem } from '../base/problem.ts';
import { Turns } from '../base/turns.ts';
import type { Environment } from '../source/session-environment.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';
import { slotCount } from '../spec/names.ts';
import { parseSessionInstance, sessionNames, type SessionNames } from '../spec/session-names.ts';
import { awaitSandbox } from './await-sandbox.ts';
import type { VerbReport } from './control-api.ts';
import type { Controller } from './controller.ts';
import { protection, refusal } from './refusal.ts';
import type { SessionApi, SessionOpened, SessionRequest } from './session-api.ts';
import { busy, busySession, containersWith, holderOf, type OwnSession } from './session-holder.ts';

/** The manifests of sessions. */
export interface SessionManifests {
  /** Id of the session source of a user. */
  sourceOf(uid: number): string;
  isSession(source: string): boolean;
  /** Read a complete manifest file for its one sandbox. @throws {Problem} what is wrong with it */
  read(text: string, uid: number): Promise<Sandbox>;
  /** Declare a session whose name is not taken. @returns its file @throws {Problem} `session.taken` */
  create(uid: number, manifest: SessionManifest, environment: Environment): Promise<string>;
  /** Declare a session in place of what was declared under its name; an environment that it names stays. @returns its file */
  put(uid: number, manifest: SessionManifest, environment: Environment): Promise<string>;
  writeTombstone(name: string, source: string): Promise<void>;
  /** What somebody asked to have in the environment of what runs inside. */
  environmentOf(manifest: Manifest): Promise<Environment>;
}

/** What is stored of a session. */
export type SessionManifest = Pick<Manifest, 'name' | 'instance' | 'sandbox'>;

export interface SessionControlInit {
  readonly controller: Controller;
  readonly manifests: SessionManifests;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly lifetime: AbortSignal;
}

/** How a command changes what is declared. */
export interface Change {
  readonly changed: (sandbox: Sandbox) => Sandbox;
  /** Why it does not, or false. */
  readonly isRefused: (sandbox: Sandbox) => string | false;
  readonly entry: Pick<AuditEntry, 'kind' | 'why' | 'actor'>;
  readonly message: string;
}

/** What is to be in which slot. */
interface Slot {
  readonly sandbox: Sandbox;
  readonly slot: number;
}

/** Longest wait for the end of a leftover whose slot was asked for, in milliseconds. */
const leftoverMs = 60_000;

/** Longest wait for what is left of one that has ended already, in milliseconds: other slots may be free. */
const remainsMs = 5_000;

/** Opens and ends sessions. Takers of slots follow each other, so that each sees what the one before took. */
export class SessionControl implements SessionApi {
  readonly #init: SessionControlInit;
  readonly #turns = new Turns();

  constructor(init: SessionControlInit) {
    this.#init = init;
  }

  async openSession(request: SessionRequest): Promise<SessionOpened> {
    const { manifests } = this.#init;
    requireNames(request);
    const sandbox = await manifests.read(request.manifest, request.uid);
    const resumed = this.#resumedIn(sandbox, request.uid);
    await this.#awaitLeftover(request);
    if (resumed) await this.#awaitSaved(resumed);
    const opened = await this.#turns.take(async () => {
      const held = resumed && (await this.#goBack(request, resumed, sandbox));
      const taken = held ?? (await this.#take(request, sandbox));
      // Before the next one looks: O_EXCL alone does not keep two users apart.
      await this.tell(taken.name, manifests.sourceOf(request.uid));
      return taken;
    });
    await this.record(opened.name, { kind: 'open', why: 'opened by command', actor: request.by });
    return opened;
  }

  async endSession({ name, by }: Parameters<SessionApi['endSession']>[0]): Promise<void> {
    const { controller, manifests } = this.#init;
    const manifest = controller.desired.manifests().get(name);
    if (!manifest || !manifests.isSession(manifest.source)) return;
    await this.record(name, { kind: 'end', why: 'its command has ended', actor: by });
    if (manifest.sandbox.persistent) await this.#stop(manifest);
    else await this.bury(manifest);
  }

  shutDown({ names, by, graceS }: Parameters<SessionApi['shutDown']>[0]): ReturnType<SessionApi['shutDown']> {
    return this.#change(names, {
      changed: ({ lease: _lease, ...sandbox }) => ({ ...sandbox, endsWithin: graceS }),
      isRefused: protection,
      entry: { kind: 'shutdown', why: 'shut down by command', actor: by },
      message: 'It is being shut down',
    });
  }

  async persist({ names, by }: Parameters<SessionApi['persist']>[0]): ReturnType<SessionApi['persist']> {
    const reports = await this.#change(names, {
      changed: (sandbox) => ({ ...sandbox, persistent: true }),
      isRefused: ({ persistent }) => persistent && 'It is persistent already',
      entry: { kind: 'persist', why: 'made persistent by command', actor: by },
      message: 'It stays when it stops',
    });
    for (const { name, done } of reports) if (done) await this.#notePersistent(name);
    return reports;
  }

  /** What is known of its session says so at once, too; what is saved of it later says it anyway. */
  async #notePersistent(name: string): Promise<void> {
    const { controller, lifetime } = this.#init;
    const stamp = controller.sandboxes.get(name)?.world.instance?.stamp;
    if (!stamp?.session) return;
    const { instance } = stamp;
    const kept = { instance, container: instance, session: { ...stamp.session, persistent: true } };
    try {
      await controller.hands.sessions.note(kept, lifetime);
    } catch (error) {
      // It does stay: that its owner's disk is full, say, is told when the session is saved.
      if (!(error instanceof Problem)) throw error;
    }
  }

  async #change(names: readonly string[], change: Change): Promise<readonly VerbReport[]> {
    const reports: VerbReport[] = [];
    for (const name of names) reports.push(await this.changeOne(name, change));
    return reports;
  }

  /** Change what a command declared; what a directory declares is refused with the name of its file. */
  async changeOne(name: string, { changed, isRefused, entry, message }: Change): Promise<VerbReport> {
    const { controller, manifests } = this.#init;
    const manifest = controller.desired.manifests().get(name);
    if (!manifest || !manifests.isSession(manifest.source)) return refusal(name, manifest);
    const { instance, sandbox, source } = manifest;
    const why = isRefused(sandbox);
    if (why) return { name, done: false, message: why };
    await this.record(name, entry);
    await manifests.put(uidOf(source), { name, instance, sandbox: changed(sandbox) }, {});
    await this.tell(name, source);
    return { name, done: true, message };
  }

  /** Have a session deleted, and let that be known at once. */
  async bury({ name, source }: Pick<Manifest, 'name' | 'source'>): Promise<void> {
    await this.#init.manifests.writeTombstone(name, source);
    await this.tell(name, source);
  }

  async #stop({ name, instance, sandbox, source }: Manifest): Promise<void> {
    const { manifests } = this.#init;
    const { lease: _lease, ...kept } = sandbox;
    await manifests.put(uidOf(source), { name, instance, sandbox: { ...kept, state: 'stopped' } }, {});
    await this.tell(name, source);
  }

  /** Let it be known at once that something else is declared. */
  async tell(name: string, source: string): Promise<void> {
    const { controller, lifetime } = this.#init;
    await controller.sources.read(source, lifetime);
    controller.hintSandbox(name);
  }

  awaitSandbox(options: Parameters<SessionApi['awaitSandbox']>[0]): ReturnType<SessionApi['awaitSandbox']> {
    const { controller, lifetime } = this.#init;
    const { sandboxes, desired, hands } = controller;
    return awaitSandbox({ sandboxes, desired, agents: hands.agents, lifetime }, options);
  }

  /** A stopped ephemeral session of the user's own is on its way out: whoever names its slot means that very one. */
  async #awaitLeftover({ slot, uid, ...id }: SessionRequest): Promise<void> {
    if (slot === undefined) return;
    const { name } = sessionNames({ ...id, slot });
    if (!this.#isLeaving(name, this.#init.manifests.sourceOf(uid))) return;
    await this.awaitSandbox({ name, goal: 'gone', timeoutMs: leftoverMs, signal: this.#init.lifetime });
  }

  /** The session that is to go on; undefined for a new one. */
  #resumedIn({ session }: Sandbox, uid: number): OwnSession | undefined {
    return session?.resumes && { uid, source: this.#init.manifests.sourceOf(uid), id: session.id };
  }

  /** What is saved of a session that ended a moment ago is only there once its container is gone. */
  async #awaitSaved(session: OwnSession): Promise<void> {
    const { controller, lifetime } = this.#init;
    for (const { sandbox, instance, isLeaving } of containersWith(controller, session)) {
      if (!isLeaving) continue;
      const wait = { name: sandbox, goal: 'gone', timeoutMs: leftoverMs, signal: lifetime } as const;
      if ((await this.awaitSandbox(wait)).outcome !== 'reached') throw busySession(session, instance, busy.unsaved);
    }
  }

  /** Go on with a session where it is, whatever slot was asked for: it must not run twice, for one would be lost. */
  async #goBack(
    { uid, environment = {} }: SessionRequest,
    resumed: OwnSession,
    sandbox: Sandbox,
  ): Promise<SessionOpened | undefined> {
    const { controller, manifests } = this.#init;
    const manifest = holderOf(controller, resumed);
    if (!manifest) return this.#requireNowhere(resumed);
    const { name, instance } = manifest;
    const power = controller.sandboxes.get(name)?.world.instance?.power ?? 'running';
    if (power === 'running' && manifest.sandbox.state === 'running') return this.#join(manifest);
    if (power === 'frozen') throw busySession(resumed, instance, busy.frozen);
    if (power !== 'stopped' || !manifest.sandbox.persistent) throw busySession(resumed, instance, busy.unsaved);
    // Its state is in there, newer than any copy.
    const kept = { name, instance, sandbox: { ...sandbox, persistent: true } };
    return { ...placeOf(manifest), file: await manifests.put(uid, kept, environment), isReused: true };
  }

  #requireNowhere(resumed: OwnSession): undefined {
    const [other] = containersWith(this.#init.controller, resumed);
    if (other) throw busySession(resumed, other.instance, other.isLeaving ? busy.unsaved : busy.declared);
  }

  /** Somebody is there again: an agent that has ended is wanted back. */
  #join(manifest: Manifest): SessionOpened {
    const { controller } = this.#init;
    const { name, position, sandbox } = manifest;
    const isDirect = sandbox.session?.direct === true;
    const uid = controller.sandboxes.get(name)?.world.instance?.stamp.uid;
    if (uid !== undefined && !isDirect) controller.hands.agents.comeBack(uid);
    const joined = { ...placeOf(manifest), file: position.file, isReused: true, isJoined: true };
    return { ...joined, ...(isDirect && { isDirect }) };
  }

  #isLeaving(name: string, source: string): boolean {
    const { controller } = this.#init;
    const world = controller.sandboxes.get(name)?.world;
    const instance = world?.instance ?? world?.tombstone;
    if (instance?.stamp.source !== source) return false;
    const manifest = controller.desired.manifests().get(name);
    return !manifest || (instance.power === 'stopped' && !manifest.sandbox.persistent);
  }

  async #take(request: SessionRequest, sandbox: Sandbox): Promise<SessionOpened> {
    const { uid, slot: wanted = 1, environment = {} } = request;
    for (let slot = wanted; slot <= slotCount; slot += 1) {
      const names = sessionNames({ ...request, slot });
      // One that is resumed has nothing to do with the state of another one.
      const before = sandbox.session?.resumes ? undefined : await this.#goOn(request, { sandbox, slot });
      if (before) return before;
      if ((await this.isTaken(names)) && !(await this.#isFreeSoon(names.name, uid))) continue;
      const file = await this.#create(uid, { ...names, sandbox }, environment);
      if (file !== undefined) return { ...names, slot, file, isReused: false };
    }
    throw noSlot(request);
  }

  /** Take up a session of the user's own that is in the slot; undefined when there is none to be taken up. */
  async #goOn(request: SessionRequest, { sandbox, slot }: Slot): Promise<SessionOpened | undefined> {
    const { uid, environment = {}, goesOn = false } = request;
    const names = sessionNames({ ...request, slot });
    const own = this.#ownIn(names, uid);
    const isWanted = slot === request.slot;
    if (!own?.manifest.sandbox.persistent || !(isWanted || goesOn)) return undefined;
    if (own.power === 'running') return isWanted && goesOn ? this.#join(own.manifest) : undefined;
    if (own.power !== 'stopped' || !sandbox.persistent) return undefined;
    const file = await this.#init.manifests.put(uid, { ...names, sandbox }, environment);
    return { ...names, slot, isReused: true, file };
  }

  /** What is left of the user's own last session in a slot takes a moment to go: the next one has the slot then, too. */
  async #isFreeSoon(name: string, uid: number): Promise<boolean> {
    const { controller, manifests, lifetime } = this.#init;
    const isOwn = controller.desired.tombstoneOf(name) === manifests.sourceOf(uid);
    if (!isOwn || controller.sandboxes.get(name)?.world.instance) return false;
    const wait = { name, goal: 'gone', timeoutMs: remainsMs, signal: lifetime } as const;
    return (await this.awaitSandbox(wait)).outcome === 'reached';
  }

  async #create(uid: number, manifest: SessionManifest, environment: Environment): Promise<string | undefined> {
    try {
      return await this.#init.manifests.create(uid, manifest, environment);
    } catch (error) {
      if (error instanceof Problem && error.code === 'session.taken') return undefined;
      throw error;
    }
  }

  /** What this user has in a slot, and what that is doing. */
  #ownIn({ name }: SessionNames, uid: number): { manifest: Manifest; power: string | undefined } | undefined {
    const { controller, manifests } = this.#init;
    const manifest = controller.desired.manifests().get(name);
    if (manifest?.source !== manifests.sourceOf(uid)) return undefined;
    return { manifest, power: controller.sandboxes.get(name)?.world.instance?.power };
  }

  /** Whether any source, or any instance, says something about a name. */
  async isTaken({ name, instance }: SessionNames): Promise<boolean> {
    const { controller, lifetime } = this.#init;
    const { desired, instances } = controller;
    // Whatever any source or instance says about the name: declared, deleted, contradictory, on its way out.
    if (desired.manifests().has(name) || desired.tombstoneOf(name) !== undefined) return true;
    if (desired.of(name).kind === 'unknown' || instances.ofSandbox(name).length > 0) return true;
    if (desired.declaredAs(instance) !== undefined) return true;
    return (await instances.refresh(instance, lifetime)) !== undefined;
  }

  /** Run after all others that take names, so that each sees what the one before took. */
  inTurn<T>(run: () => Promise<T>): Promise<T> {
    return this.#turns.take(run);
  }

  /** Write down what a command did. */
  record(name: string, entry: Pick<AuditEntry, 'kind' | 'why' | 'actor'>): Promise<void> {
    return this.#init.audit({ reconcileId: ulid(), key: `sandbox/${name}`, phase: 'succeeded', ...entry });
  }
}

function placeOf({ name, instance }: Manifest): Pick<SessionOpened, 'name' | 'instance' | 'slot'> {
  return { name, instance, slot: parseSessionInstance(instance)?.slot ?? 0 };
}

/** User id in the id of a session source. */
export function uidOf(source: string): number {
  return Number(source.slice(source.indexOf('/') + 1));
}

/** What a command says ends up in names of files and instances. */
function requireNames({ hash, prefix, slot = 1 }: SessionRequest): void {
  const { instance } = sessionNames({ prefix, hash, slot });
  const id = parseSessionInstance(instance);
  if (id && id.prefix === prefix && id.hash === hash && id.slot === slot && slot <= slotCount) return;
  throw new Problem({
    code: 'session.name',
    message: `${JSON.stringify(instance.slice(0, 80))} is not a name for a session`,
    hint: `It needs a prefix with a dash at its end, eight hex digits, and a slot from 1 to ${slotCount}.`,
  });
}

function noSlot({ slot }: SessionRequest): Problem {
  const which = slot === undefined || slot === 1 ? `All ${slotCount} slots` : `Slot ${slot} and those above it`;
  return new Problem({
    code: 'session.slots',
    message: `${which} of this workspace are taken`,
    hint: 'See them with: coi list. End one with: coi kill NAME',
  });
}
