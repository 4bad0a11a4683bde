import type { Api } from './api.ts';
import { isIncusError } from './errors.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';
import { pathsSchema } from './schemas.ts';

/** A snapshot of an instance. */
export interface SnapshotName {
  readonly instance: string;
  readonly snapshot: string;
}

const collection = '/1.0/instances/{name}/snapshots';
const member = `${collection}/{snapshot}`;

/**
 * Snapshots of instances, without what is in memory. Everything that throws, throws {@link IncusError}.
 * @see Incus documentation, "REST API", "instances/NAME/snapshots"
 */
export class Snapshots {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Names of an instance's snapshots, as far as Incus knows of them. */
  async names(instance: string, options: CallOptions = {}): Promise<readonly string[]> {
    const what = `list the snapshots of instance "${instance}"`;
    const call = { method: 'GET', route: collection, what, params: { name: instance } } as const;
    const { value } = await this.#api.sync({ ...call, ...options }, (reply) => pathsSchema.parse(reply));
    return value.map((path) => path.slice(path.lastIndexOf('/') + 1));
  }

  async exists({ instance, snapshot }: SnapshotName, options: CallOptions = {}): Promise<boolean> {
    const what = `look for snapshot "${snapshot}" of instance "${instance}"`;
    const call = { method: 'GET', route: member, what, params: { name: instance, snapshot } } as const;
    try {
      await this.#api.done({ ...call, ...options });
      return true;
    } catch (error) {
      if (isIncusError(error, 'gone')) return false;
      throw error;
    }
  }

  /**
   * Begins to make one. Where the storage driver cannot do so at one moment, Incus freezes the instance meanwhile.
   *
   * @param expiresAt when Incus removes it by itself, milliseconds since 1970; never unless given
   */
  create(
    { instance, snapshot }: SnapshotName,
    { expiresAt, ...options }: CallOptions & { readonly expiresAt?: number } = {},
  ): Promise<StartedOperation> {
    const expiry = expiresAt === undefined ? {} : { expires_at: new Date(expiresAt).toISOString() };
    return this.#api.begin({
      method: 'POST',
      route: collection,
      what: `make snapshot "${snapshot}" of instance "${instance}"`,
      params: { name: instance },
      json: { name: snapshot, stateful: false, ...expiry },
      ...options,
    });
  }

  /** Begins to delete one. */
  delete({ instance, snapshot }: SnapshotName, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `delete snapshot "${snapshot}" of instance "${instance}"`;
    return this.#api.begin({ method: 'DELETE', route: member, what, params: { name: instance, snapshot }, ...options });
  }
}
