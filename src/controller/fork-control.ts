import { ulid } from 'ulid';
import { messageOf, Problem } from '../base/problem.ts';
import { renderManifest } from '../spec/render-manifest.ts';
import type { Manifest, Origin, Sandbox } from '../spec/sandbox.ts';
import { copiedSandbox } from './copied-sandbox.ts';
import { chooseNames, type CopyNames, type IsTaken } from './copy-names.ts';
import type { Controller } from './controller.ts';
import type { CopyReport, CopyRequest, ForkApi, ForkReport, ForkRequest } from './fork-api.ts';
import { findOriginal, type Original } from './original.ts';
import type { SessionApi } from './session-api.ts';
import type { SessionManifests } from './session-control.ts';

/** What making copies takes of whoever opens sessions. */
export interface ForkInit {
  readonly controller: Controller;
  readonly manifests: SessionManifests;
  readonly lifetime: AbortSignal;
  readonly isTaken: IsTaken;
  /** Alone among all who take names. */
  readonly inTurn: <T>(run: () => Promise<T>) => Promise<T>;
  /** Have what was declared be known. */
  readonly tell: (source: string) => Promise<unknown>;
  readonly bury: (place: Pick<Manifest, 'name' | 'source'>) => Promise<void>;
  readonly record: (name: string, entry: { kind: string; why: string; actor: string }) => Promise<void>;
  readonly awaitSandbox: SessionApi['awaitSandbox'];
}

/** What snapshots for copies are called, in front of an id: what has such a name, and is named by no manifest, is left over. */
const prefix = 'coi-fork-';

/** Incus itself removes the snapshot then, if nobody did before: milliseconds. */
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
}

/** Makes copies of sandboxes. */
export class ForkControl implements ForkApi {
  readonly #init: ForkInit;
  /** Snapshots that no manifest may name yet. */
  readonly #inUse = new Set<string>();

  constructor(init: ForkInit) {
    this.#init = init;
  }

  async fork(request: ForkRequest): Promise<ForkReport> {
    const { controller, lifetime, inTurn } = this.#init;
    const original = await findOriginal(controller, request.name, lifetime);
    const origin = { instance: original.manifest.instance, snapshot: `${prefix}${ulid().toLowerCase()}` };
    const asked = await this.#asked(request, { original, origin });
    const about = await this.#describe(original);
    const names = await inTurn(() => chooseNames(original.manifest, request.copies, this.#init.isTaken));
    if (request.onlyCheck) return { ...about, copies: asked.map((sandbox, at) => described(names[at]!, sandbox)) };
    await this.#removeLeftOver(origin.instance);
    await this.#init.record(original.manifest.name, { kind: 'fork', why: 'copied by command', actor: request.by });
    this.#inUse.add(origin.snapshot);
    try {
      await this.#snapshot(origin);
      const copies = await inTurn(() => this.#declare(request, original.manifest, asked));
      const timeoutMs = about.whole ? longestMs : usualMs;
      return { ...about, copies: await Promise.all(copies.map((copy) => this.#stood(copy, request.uid, timeoutMs))) };
    } finally {
      await this.#dropSnapshot(origin);
      this.#inUse.delete(origin.snapshot);
    }
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

  /** All of them or none. */
  async #declare(request: ForkRequest, original: Manifest, asked: readonly Sandbox[]): Promise<readonly Copy[]> {
    const { controller, manifests, isTaken, tell, bury, record } = this.#init;
    const { uid, by } = request;
    const source = manifests.sourceOf(uid);
    // Secrets of a session go to nobody but its user.
    const environment = original.source === source ? await manifests.environmentOf(original) : {};
    const names = await chooseNames(original, request.copies, isTaken);
    const copies = names.map((each, at) => ({ names: each, sandbox: asked[at]! }));
    const declared: Copy[] = [];
    try {
      for (const copy of copies) {
        await manifests.create(uid, { ...copy.names, sandbox: copy.sandbox }, environment);
        declared.push(copy);
      }
    } catch (error) {
      for (const copy of declared) await bury({ name: copy.names.name, source });
      throw error;
    }
    await tell(source);
    for (const { name } of names) {
      controller.hintSandbox(name);
      await record(name, { kind: 'open', why: `copied from ${original.instance} by command`, actor: by });
    }
    return copies;
  }

  /** Waits until a copy is as declared; what never will be is undeclared again. */
  async #stood({ names, sandbox }: Copy, uid: number, timeoutMs: number): Promise<CopyReport> {
    const { awaitSandbox, bury, manifests, lifetime } = this.#init;
    const goal = sandbox.state === 'running' ? 'running' : 'stopped';
    const wait = { name: names.name, goal, timeoutMs, signal: lifetime } as const;
    const { outcome, sandbox: seen } = await awaitSandbox(wait);
    const copy = described(names, sandbox);
    if (outcome === 'reached') return { ...copy, ...(seen?.ipv4 !== undefined && { ipv4: seen.ipv4 }) };
    await bury({ name: names.name, source: manifests.sourceOf(uid) });
    return { ...copy, failure: seen?.failure?.message ?? seen?.message ?? 'it was undeclared by somebody else' };
  }

  /** What a controller that died left behind is of no use once no manifest names it. */
  async #removeLeftOver(instance: string): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    const named = new Set([...controller.desired.manifests().values()].map(({ sandbox }) => sandbox.origin?.snapshot));
    for (const snapshot of await controller.hands.incus.snapshots.names(instance, { signal })) {
      const isUsed = named.has(snapshot) || this.#inUse.has(snapshot);
      if (snapshot.startsWith(prefix) && !isUsed) await this.#dropSnapshot({ instance, snapshot });
    }
  }

  async #dropSnapshot(origin: Origin): Promise<void> {
    const { incus } = this.#init.controller.hands;
    try {
      await incus.operations.finish(await incus.snapshots.delete(origin));
    } catch (error) {
      // The copies stand without it, and Incus removes it when its time is over.
      if (!(error instanceof Problem))
        throw new Error(`cannot delete a snapshot: ${messageOf(error)}`, { cause: error });
    }
  }
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
