import { z } from 'zod';
import type { Api } from './api.ts';
import { isIncusError } from './errors.ts';
import type { Devices } from './instance.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';
import { devicesSchema, pathsSchema } from './schemas.ts';

/** A snapshot of an instance: its files and its configuration as they were. */
export interface Snapshot {
  readonly name: string;
  /** RFC 3339, as Incus writes it. */
  readonly createdAt: string;
  /** RFC 3339; undefined for one that stays until somebody deletes it. */
  readonly expiresAt: string | undefined;
  /** Whether what ran is in it, too. */
  readonly stateful: boolean;
  readonly description: string;
}

/** Which snapshot it is. */
export interface SnapshotName {
  readonly instance: string;
  readonly snapshot: string;
}

/** How one is made. */
export interface SnapshotOptions extends CallOptions {
  /** Whether what runs is to be in it, too. Incus needs CRIU for that. */
  readonly stateful?: boolean;
  /** When Incus removes it by itself, milliseconds since 1970; never unless given. */
  readonly expiresAt?: number;
}

const collection = '/1.0/instances/{name}/snapshots';
const member = '/1.0/instances/{name}/snapshots/{snapshot}';

/** The beginning of time in Go, which stands for "never" here: unset means what `snapshots.expiry` says. */
const never = '0001-01-01T00:00:00Z';

const schema = z.looseObject({
  name: z.string().min(1),
  created_at: z.string(),
  expires_at: z.string().nullish(),
  stateful: z.boolean().default(false),
  description: z.string().nullish(),
});

/**
 * Snapshots of instances. Everything that throws, throws {@link IncusError}.
 * @see Incus documentation, "REST API", "instances/NAME/snapshots"
 */
export class Snapshots {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** All snapshots of an instance, the oldest first. @throws {IncusError} `gone` when there is no such instance */
  async list(instance: string, options: CallOptions = {}): Promise<readonly Snapshot[]> {
    const call = { ...this.#all(instance), query: { recursion: '1' } };
    const parse = (value: unknown) => z.array(z.unknown()).parse(value).map(parseSnapshot);
    return (await this.#api.sync({ ...call, ...options }, parse)).value.toSorted(byAge);
  }

  /** Names of an instance's snapshots, as far as Incus knows of them. */
  async names(instance: string, options: CallOptions = {}): Promise<readonly string[]> {
    const { value } = await this.#api.sync({ ...this.#all(instance), ...options }, (reply) => pathsSchema.parse(reply));
    return value.map((path) => path.slice(path.lastIndexOf('/') + 1));
  }

  /** One snapshot. @throws {IncusError} `gone` when there is no such snapshot, or no such instance */
  async get(name: SnapshotName, options: CallOptions = {}): Promise<Snapshot> {
    return (await this.#api.sync({ ...this.#one('GET', 'read', name), ...options }, parseSnapshot)).value;
  }

  async exists(name: SnapshotName, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.get(name, options);
      return true;
    } catch (error) {
      // Not being there is an answer to this question.
      if (isIncusError(error, 'gone')) return false;
      throw error;
    }
  }

  /** The devices that an instance had when a snapshot was made. @throws {IncusError} `gone` */
  async devices(name: SnapshotName, options: CallOptions = {}): Promise<Devices> {
    const parse = (value: unknown) => z.looseObject({ devices: devicesSchema }).parse(value).devices;
    return (await this.#api.sync({ ...this.#one('GET', 'read', name), ...options }, parse)).value;
  }

  /**
   * Begins to make one. A name that is taken is refused with `conflict`. Where the storage driver cannot do so at one moment,
   * Incus freezes the instance meanwhile.
   */
  create(
    { instance, snapshot }: SnapshotName,
    { stateful = false, expiresAt, ...options }: SnapshotOptions = {},
  ): Promise<StartedOperation> {
    const expires_at = expiresAt === undefined ? never : new Date(expiresAt).toISOString();
    const what = `create snapshot "${snapshot}" of instance "${instance}"`;
    const call = { method: 'POST', route: collection, what, params: { name: instance } } as const;
    return this.#api.begin({ ...call, json: { name: snapshot, stateful, expires_at }, ...options });
  }

  /**
   * Begins to put an instance back to what it was, with its whole configuration: also a stamp is the one of that time. One
   * that runs is stopped before, and started again.
   */
  restore({ instance, snapshot }: SnapshotName, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `restore snapshot "${snapshot}" of instance "${instance}"`;
    const call = { method: 'PUT', route: '/1.0/instances/{name}', what, params: { name: instance } } as const;
    return this.#api.begin({ ...call, json: { restore: snapshot, stateful: false }, ...options });
  }

  delete(name: SnapshotName, options: CallOptions = {}): Promise<StartedOperation> {
    return this.#api.begin({ ...this.#one('DELETE', 'delete', name), ...options });
  }

  #all(instance: string) {
    const what = `list the snapshots of instance "${instance}"`;
    return { method: 'GET', route: collection, what, params: { name: instance } } as const;
  }

  #one<M extends 'GET' | 'DELETE'>(method: M, verb: string, { instance, snapshot }: SnapshotName) {
    const what = `${verb} snapshot "${snapshot}" of instance "${instance}"`;
    return { method, route: member, what, params: { name: instance, snapshot } } as const;
  }
}

function parseSnapshot(value: unknown): Snapshot {
  const { name, created_at, expires_at, stateful, description } = schema.parse(value);
  return {
    // Incus gives the instance's name with it in some replies.
    name: name.slice(name.lastIndexOf('/') + 1),
    createdAt: created_at,
    expiresAt: expires_at && Date.parse(expires_at) > 0 ? expires_at : undefined,
    stateful,
    description: description ?? '',
  };
}

function byAge(a: Snapshot, b: Snapshot): number {
  const age = Date.parse(a.createdAt) - Date.parse(b.createdAt);
  return age === 0 ? (a.name < b.name ? -1 : 1) : age;
}
