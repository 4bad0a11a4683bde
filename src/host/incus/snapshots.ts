import { z } from 'zod';
import type { Api } from './api.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';

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

/** A new snapshot. */
export interface NewSnapshot {
  readonly name: string;
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
  async list(name: string, options: CallOptions = {}): Promise<readonly Snapshot[]> {
    const what = `list the snapshots of instance "${name}"`;
    const call = { method: 'GET', route: collection, what, params: { name }, query: { recursion: '1' } } as const;
    const parse = (value: unknown) => z.array(z.unknown()).parse(value).map(parseSnapshot);
    return (await this.#api.sync({ ...call, ...options }, parse)).value.toSorted(byAge);
  }

  /** One snapshot. @throws {IncusError} `gone` when there is no such snapshot, or no such instance */
  async get(name: string, snapshot: string, options: CallOptions = {}): Promise<Snapshot> {
    const what = `read snapshot "${snapshot}" of instance "${name}"`;
    const call = { method: 'GET', route: member, what, params: { name, snapshot } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseSnapshot)).value;
  }

  /**
   * Begins to make one. A name that is taken is refused with `conflict`. Where the storage driver cannot do it at one moment,
   * Incus freezes what runs meanwhile.
   */
  create(name: string, { expiresAt, ...snapshot }: NewSnapshot, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `create snapshot "${snapshot.name}" of instance "${name}"`;
    const expires = expiresAt === undefined ? never : new Date(expiresAt).toISOString();
    const json = { stateful: false, ...snapshot, expires_at: expires };
    return this.#api.begin({ method: 'POST', route: collection, what, params: { name }, json, ...options });
  }

  /** Begins to delete one. */
  delete(name: string, snapshot: string, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `delete snapshot "${snapshot}" of instance "${name}"`;
    return this.#api.begin({ method: 'DELETE', route: member, what, params: { name, snapshot }, ...options });
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
