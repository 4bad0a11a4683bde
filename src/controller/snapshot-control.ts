import { ulid } from 'ulid';
import type { AuditEntry } from '../audit/record.ts';
import { Problem } from '../base/problem.ts';
import { isIncusError, type IncusError } from '../host/incus/errors.ts';
import type { StartedOperation } from '../host/incus/operation.ts';
import type { Controller } from './controller.ts';
import { sandboxKey } from './hints.ts';
import { restore } from './restore-snapshot.ts';
import type { SnapshotApi, SnapshotRequest } from './snapshot-api.ts';
import { isPossibleName, requireNewName, unknownSnapshot } from './snapshot-problems.ts';
import { findKnown, findOwned, type Owned } from './find-owned.ts';

export interface SnapshotControlInit {
  readonly controller: Controller;
  /** Resolves when it is on the disk. */
  readonly audit: (entry: AuditEntry) => Promise<void>;
  /** The same, for what may be written a moment later. */
  readonly note: (entry: AuditEntry) => void;
  readonly lifetime: AbortSignal;
}

/** Copying a large disk where the storage pool cannot make a snapshot by itself takes minutes. */
const longestMs = 900_000;

/** How long the others of a sandbox wait for a snapshot of it, in milliseconds. */
const momentMs = 250;

/** Makes, restores and deletes snapshots. While it does, nobody works on their sandbox. */
export class SnapshotControl implements SnapshotApi {
  readonly #init: SnapshotControlInit;

  constructor(init: SnapshotControlInit) {
    this.#init = init;
  }

  async createSnapshot(request: Parameters<SnapshotApi['createSnapshot']>[0]): Promise<void> {
    const { snapshot, stateful = false } = request;
    requireNewName(snapshot);
    const { snapshots } = this.#init.controller.hands.incus;
    let of = '';
    await this.#noted(request, 'snapshot', async () => {
      try {
        const find = (signal: AbortSignal) => findKnown(this.#init.controller.instances, request.name, signal);
        await this.#begun(request, find, ({ instance: { name } }, signal) => {
          of = name;
          return snapshots.create({ instance: name, snapshot }, { stateful, signal });
        });
      } catch (error) {
        throw refusedBecause(error, { ...request, instance: of });
      }
    });
  }

  restoreSnapshot(request: SnapshotRequest): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    return this.#noted(request, 'snapshot-restore', async (noted) => {
      using _ = await controller.queue.claim(sandboxKey(request.name), signal);
      const owned = await findOwned(controller.instances, request.name, signal);
      const manifest = controller.desired.manifests().get(request.name);
      // However it ends, the next look at it is a fresh one.
      controller.instances.doubt(owned.instance.name);
      await restore(controller.hands, { ...owned, snapshot: request.snapshot, manifest, noted }, signal);
    });
  }

  deleteSnapshot(request: SnapshotRequest): Promise<void> {
    const { snapshots } = this.#init.controller.hands.incus;
    return this.#noted(request, 'snapshot-delete', async (noted) => {
      const find = (signal: AbortSignal) => findOwned(this.#init.controller.instances, request.name, signal);
      await this.#begun(request, find, async (owned, signal) => {
        await this.#require(owned, request.snapshot, signal);
        await noted;
        return snapshots.delete({ instance: owned.instance.name, snapshot: request.snapshot }, { signal });
      });
    });
  }

  /**
   * Begin it while nobody works on the sandbox. What takes longer than a moment goes on while others may: on a slow disk that is
   * minutes, in which the sandbox may have to be halted.
   */
  async #begun(
    { name }: SnapshotRequest,
    find: (signal: AbortSignal) => Promise<Owned>,
    begin: (owned: Owned, signal: AbortSignal) => Promise<StartedOperation>,
  ): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    const { incus, clock } = controller.hands;
    const claim = await controller.queue.claim(sandboxKey(name), signal);
    let isHeld = true;
    const release = () => {
      if (isHeld) claim[Symbol.dispose]();
      isHeld = false;
    };
    try {
      const started = await begin(await find(signal), signal);
      using _ = clock.after(momentMs, release);
      await incus.operations.finish(started, { signal, timeoutMs: longestMs });
    } finally {
      release();
    }
  }

  /** @param work is handed when it is on the disk that it begins: what takes something away waits for that, and looks meanwhile */
  async #noted(
    { name, snapshot, by }: SnapshotRequest,
    kind: string,
    work: (noted: Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { audit, note } = this.#init;
    const why = `snapshot ${snapshot}, by command`;
    const entry = { reconcileId: ulid(), key: sandboxKey(name), kind, actor: by, why };
    const noted = kind === 'snapshot' ? Promise.resolve() : audit({ ...entry, phase: 'started' });
    try {
      await work(noted);
    } catch (error) {
      note({ ...entry, phase: 'failed', errorClass: error instanceof Problem ? error.code : 'coi.bug' });
      throw error;
    }
    note({ ...entry, phase: 'succeeded' });
  }

  async #require({ instance }: Owned, snapshot: string, signal: AbortSignal): Promise<void> {
    const { incus } = this.#init.controller.hands;
    try {
      if (!isPossibleName(snapshot)) throw unknownSnapshot(snapshot, instance.name);
      await incus.snapshots.get({ instance: instance.name, snapshot }, { signal });
    } catch (error) {
      throw isIncusError(error, 'gone') ? unknownSnapshot(snapshot, instance.name) : error;
    }
  }
}

/** What Incus said against a new snapshot, in words that say what to do. */
function refusedBecause(
  error: unknown,
  { snapshot, instance }: { readonly snapshot: string; readonly instance: string },
): unknown {
  if (isIncusError(error, 'conflict') && error.code === 'incus.taken') return taken(snapshot, instance);
  return isIncusError(error, 'invalid') && error.code === 'incus.stateless' ? stateless(error) : error;
}

function taken(snapshot: string, instance: string): Problem {
  return new Problem({
    code: 'snapshot.taken',
    message: `There is a snapshot "${snapshot}" of ${instance} already`,
    hint: `Give this one another name, or delete that one: coi snapshot delete ${snapshot} -c ${instance}`,
  });
}

function stateless(cause: IncusError): Problem {
  return new Problem({
    code: 'snapshot.stateful',
    message: `Incus cannot keep what runs in a snapshot here: ${cause.text}`,
    hint: 'Leave out --stateful: the snapshot then holds the disk. For containers Incus would need CRIU.',
    cause,
  });
}
