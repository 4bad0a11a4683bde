import { messageOf, Problem } from '../base/problem.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import type { Environment } from '../source/session-environment.ts';
import type { Manifest, Origin, Sandbox } from '../spec/sandbox.ts';
import { temporaryNameFor } from '../host/incus/temporary-names.ts';
import { copiedSandbox } from './copied-sandbox.ts';
import { chooseNames, type CopyNames } from './copy-names.ts';
import type { CopyReport, CopyRequest, ForkApi, ForkReport, ForkRequest } from './fork-api.ts';
import { findOriginal, type Original } from './original.ts';
import type { SandboxReport } from './report.ts';
import type { SessionControl, SessionControlInit } from './session-control.ts';

/** What makes copies of sandboxes is wired from. */
export interface ForkInit extends Pick<SessionControlInit, 'controller' | 'manifests' | 'lifetime'> {
  readonly sessions: Pick<SessionControl, 'isTaken' | 'inTurn' | 'bury' | 'record' | 'awaitSandbox'>;
}

/** Incus itself removes the snapshot then, if nobody did before, as a controller that was killed: milliseconds. */
const snapshotMs = 3_600_000;

/** Where a storage driver copies every file, all of them have to be copied: milliseconds. */
const longestMs = 900_000;

/** Longest wait for a copy elsewhere, which shares the files of the original: milliseconds. */
const usualMs = 180_000;

/** Storage drivers that make a snapshot of files in use at one moment; for others Incus holds still who uses them. */
const atOnce = new Set(['btrfs', 'zfs']);

/** Storage drivers without copy-on-write. */
const whole = new Set(['dir']);

/** A copy that is to be declared. */
interface Copy {
  readonly names: CopyNames;
  readonly sandbox: Sandbox;
  /** Container of the original. */
  readonly original: string;
  /** Why it cannot be made: what was thrown. */
  readonly failure?: unknown;
  /** Whether its name is declared by somebody else. */
  readonly isAnothers?: boolean;
}

/** What copies are made of. */
interface Looked {
  readonly original: Manifest;
  readonly origin: Origin;
  /** The settings of each copy. */
  readonly asked: readonly Sandbox[];
  readonly about: Omit<ForkReport, 'copies'>;
  /** What they would be called now. */
  readonly names: readonly CopyNames[];
}

/** Makes copies of sandboxes. */
export class ForkControl implements ForkApi {
  readonly #init: ForkInit;

  constructor(init: ForkInit) {
    this.#init = init;
  }

  async fork(request: ForkRequest): Promise<ForkReport> {
    if (request.onlyCheck) {
      const { about, asked, names } = await this.#looked(request);
      return { ...about, copies: asked.map((sandbox, at) => described(names[at]!, sandbox)) };
    }
    const { about, origin, copies } = await this.#begin(request);
    try {
      const timeoutMs = about.whole ? longestMs : usualMs;
      return { ...about, copies: await Promise.all(copies.map((copy) => this.#stood(copy, request, timeoutMs))) };
    } finally {
      await this.#dropSnapshot(origin);
    }
  }

  async #looked(request: ForkRequest): Promise<Looked> {
    const { controller, lifetime, sessions } = this.#init;
    const original = await findOriginal(controller, request.name, lifetime);
    const origin = { instance: original.manifest.instance, snapshot: temporaryNameFor('fork', controller.hands.clock) };
    const asked = await this.#asked(request, { original, origin });
    const about = await this.#describe(original);
    const names = await sessions.inTurn(() => this.#names(original.manifest, request));
    return { original: original.manifest, origin, asked, about, names };
  }

  /** @throws {Problem} `fork.undeclared` as long as nothing is declared; nothing afterwards */
  async #begin(request: ForkRequest): Promise<Pick<Looked, 'about' | 'origin'> & { readonly copies: readonly Copy[] }> {
    const { sessions } = this.#init;
    try {
      const { original, origin, asked, about } = await this.#looked(request);
      await sessions.record(original.name, { kind: 'fork', why: 'copied by command', actor: request.by });
      try {
        await this.#snapshot(origin);
        return { about, origin, copies: await sessions.inTurn(() => this.#declare(request, original, asked)) };
      } catch (error) {
        await this.#dropSnapshot(origin);
        throw error;
      }
    } catch (error) {
      throw error instanceof Problem ? undeclared(error) : error;
    }
  }

  #names(original: Manifest, { copies }: ForkRequest): Promise<readonly CopyNames[]> {
    return chooseNames(original, copies, (names) => this.#init.sessions.isTaken(names));
  }

  /** The settings of each copy, read back as its source will read them. */
  #asked(
    { uid, copies }: ForkRequest,
    { original, origin }: { readonly original: Original; readonly origin: Origin },
  ): Promise<readonly Sandbox[]> {
    const state = original.heldBy === undefined ? 'running' : 'stopped';
    const read = async ({ workspace }: CopyRequest) => {
      const sandbox = copiedSandbox(original.manifest.sandbox, { origin, state, workspace });
      return this.#init.manifests.read(renderManifest({ ...original.manifest, sandbox }), uid);
    };
    return Promise.all(copies.map(read));
  }

  async #describe({ manifest, heldBy, storagePool }: Original): Promise<Omit<ForkReport, 'copies'>> {
    const { controller, lifetime } = this.#init;
    const { driver } = await controller.hands.incus.storage.get(storagePool, { signal: lifetime });
    const isRunning = controller.instances.get(manifest.instance)?.instance.state === 'running';
    return {
      original: manifest.instance,
      sandbox: manifest.name,
      ...(heldBy !== undefined && { held_by: heldBy }),
      driver,
      pauses: isRunning && !atOnce.has(driver),
      whole: whole.has(driver),
    };
  }

  async #snapshot(origin: Origin): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    const { incus, clock } = controller.hands;
    const started = await incus.snapshots.create(origin, { expiresAt: clock.now() + snapshotMs, signal });
    await incus.operations.finish(started, { signal, timeoutMs: longestMs });
  }

  /** Throws as long as nothing is declared, and nothing once something may be. */
  async #declare(request: ForkRequest, original: Manifest, asked: readonly Sandbox[]): Promise<readonly Copy[]> {
    const { manifests } = this.#init;
    const source = manifests.sourceOf(request.uid);
    // Secrets of a session go to nobody but its user.
    const environment = original.source === source ? await manifests.environmentOf(original) : {};
    const names = await this.#names(original, request);
    const copies: Copy[] = [];
    for (const [at, each] of names.entries()) {
      const copy = { names: each, sandbox: asked[at]!, original: original.instance };
      copies.push({ ...copy, ...(await this.#create(copy, request.uid, environment)) });
    }
    if (copies.every(({ isAnothers }) => isAnothers)) throw copies[0]?.failure;
    return this.#told(copies, source);
  }

  /** What failed may be declared all the same, unless its name was another's already. */
  async #create({ names, sandbox }: Copy, uid: number, environment: Environment): Promise<Partial<Copy>> {
    try {
      await this.#init.manifests.create(uid, { ...names, sandbox }, environment);
      return {};
    } catch (error) {
      const isAnothers = error instanceof Problem && error.code === 'session.taken';
      return { failure: error, isAnothers };
    }
  }

  /** Have what is declared be known. */
  async #told(copies: readonly Copy[], source: string): Promise<readonly Copy[]> {
    const { controller, lifetime } = this.#init;
    try {
      await controller.sources.read(source, lifetime);
      for (const { names } of copies) controller.hintSandbox(names.name);
      return copies;
    } catch (error) {
      return copies.map((copy) => ({ failure: error, ...copy }));
    }
  }

  /**
   * Waits until a copy is as declared; what never will be is undeclared again. Throws only when this controller ends: others of
   * the same snapshot stand, and people may work in them.
   */
  async #stood(copy: Copy, request: ForkRequest, timeoutMs: number): Promise<CopyReport> {
    const { manifests, sessions, lifetime } = this.#init;
    const { names, sandbox, isAnothers = false } = copy;
    const report = described(names, sandbox);
    const source = manifests.sourceOf(request.uid);
    let failure: string;
    try {
      if (copy.failure) throw copy.failure;
      const seen = await this.#awaited(copy, request, timeoutMs);
      if ('reached' in seen) return { ...report, ...seen.reached };
      ({ failure } = seen);
    } catch (error) {
      lifetime.throwIfAborted();
      failure = messageOf(error);
    }
    if (isAnothers) return { ...report, failure };
    try {
      await sessions.bury({ name: names.name, source });
      return { ...report, failure };
    } catch (error) {
      lifetime.throwIfAborted();
      const left = `it is still declared: ${messageOf(error)}. Delete it with: coi delete ${names.name}`;
      return { ...report, failure: `${failure}; ${left}` };
    }
  }

  async #awaited(
    { names: { name }, sandbox, original }: Copy,
    { by }: ForkRequest,
    timeoutMs: number,
  ): Promise<{ readonly reached: Pick<CopyReport, 'ipv4' | 'state'> } | { readonly failure: string }> {
    const { sessions, lifetime: signal } = this.#init;
    await sessions.record(name, { kind: 'open', why: `copied from ${original} by command`, actor: by });
    // A schedule may keep it stopped for now.
    const goal = sandbox.state === 'running' ? 'made' : 'stopped';
    const { outcome, sandbox: seen } = await sessions.awaitSandbox({ name, goal, timeoutMs, signal });
    if (outcome === 'reached') return { reached: reached(seen) };
    return { failure: seen?.failure?.message ?? seen?.message ?? 'it was undeclared by somebody else' };
  }

  /**
   * Incus takes it away while nobody waits. When this controller ends, copies may be declared and not yet made: the next one
   * makes them of the snapshot.
   */
  async #dropSnapshot(origin: Origin): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    if (signal.aborted) return;
    try {
      await controller.hands.incus.snapshots.delete(origin, { signal });
    } catch {
      // The copies stand without it, and Incus removes it when its time is over.
    }
  }
}

/** Only what is said with this code leaves nothing behind that may run: whoever asked can take back what was made for it. */
function undeclared(cause: Problem): Problem {
  const { message, hint, retry } = cause;
  return new Problem({ code: 'fork.undeclared', message, ...(hint !== undefined && { hint }), retry, cause });
}

function reached(seen: SandboxReport | undefined): Pick<CopyReport, 'ipv4' | 'state'> {
  const state = seen?.state === 'running' ? 'running' : 'stopped';
  return { state, ...(seen?.ipv4 !== undefined && { ipv4: seen.ipv4 }) };
}

function described({ name, instance, slot }: CopyNames, { workspace, state }: Sandbox): CopyReport {
  return {
    name,
    instance,
    ...(slot !== undefined && { slot }),
    ...(workspace !== undefined && { workspace }),
    state: state === 'running' ? 'running' : 'stopped',
  };
}
