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
import { findOwned, type Owned } from './find-owned.ts';

export interface SnapshotControlInit {
  readonly controller: Controller;
  readonly audit: (entry: AuditEntry) => Promise<void>;
  readonly lifetime: AbortSignal;
}

/** Copying a large disk where the storage pool cannot make a snapshot by itself takes minutes. */
const longestMs = 900_000;

/** Makes, restores and deletes snapshots. While it does, nobody works on their sandbox. */
export class SnapshotControl implements SnapshotApi {
  readonly #init: SnapshotControlInit;

  constructor(init: SnapshotControlInit) {
    this.#init = init;
  }

  async createSnapshot(request: Parameters<SnapshotApi['createSnapshot']>[0]): Promise<void> {
    const { snapshot, stateful = false } = request;
    requireNewName(snapshot);
    const { incus } = this.#init.controller.hands;
    await this.#with(request, 'snapshot', async ({ instance }, signal) => {
      try {
        await this.#finish(await incus.snapshots.create({ instance: instance.name, snapshot }, { stateful, signal }));
      } catch (error) {
        if (isIncusError(error, 'conflict') && error.code === 'incus.taken') throw taken(snapshot, instance.name);
        if (stateful && isIncusError(error)) throw stateless(error);
        throw error;
      }
    });
  }

  restoreSnapshot(request: SnapshotRequest): Promise<void> {
    const { controller } = this.#init;
    return this.#with(request, 'snapshot-restore', async (owned, signal) => {
      await this.#require(owned, request.snapshot, signal);
      const manifest = controller.desired.manifests().get(request.name);
      await restore(controller.hands, { ...owned, snapshot: request.snapshot, manifest }, signal);
    });
  }

  deleteSnapshot(request: SnapshotRequest): Promise<void> {
    const { incus } = this.#init.controller.hands;
    return this.#with(request, 'snapshot-delete', async (owned, signal) => {
      await this.#require(owned, request.snapshot, signal);
      await this.#finish(
        await incus.snapshots.delete({ instance: owned.instance.name, snapshot: request.snapshot }, { signal }),
      );
    });
  }

  /** Look afresh whose it is, do it while nobody works on it, and write that down. */
  async #with(
    { name, snapshot, by }: SnapshotRequest,
    kind: string,
    work: (owned: Owned, signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { controller, audit, lifetime: signal } = this.#init;
    using _ = await controller.queue.claim(sandboxKey(name), signal);
    const owned = await findOwned(controller.instances, name, signal);
    const entry = { reconcileId: ulid(), key: sandboxKey(name), uid: owned.stamp.uid, kind, actor: by };
    const why = `snapshot ${snapshot}, by command`;
    // A restore takes away what is there: that it was begun is on the disk before.
    await audit({ ...entry, why, phase: 'started' });
    try {
      await work(owned, signal);
      await audit({ ...entry, why, phase: 'succeeded' });
    } catch (error) {
      const errorClass = error instanceof Problem ? error.code : 'coi.bug';
      await audit({ ...entry, why, phase: 'failed', errorClass });
      throw error;
    } finally {
      controller.instances.doubt(owned.instance.name);
    }
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

  async #finish(started: StartedOperation): Promise<void> {
    const { controller, lifetime: signal } = this.#init;
    await controller.hands.incus.operations.finish(started, { signal, timeoutMs: longestMs });
  }
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
