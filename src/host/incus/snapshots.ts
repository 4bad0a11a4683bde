import { z } from 'zod';
import type { Api } from './api.ts';
import type { CallOptions } from './instances.ts';
import type { StartedOperation } from './operation.ts';

const noTime = /^0001-/;

const schema = z.looseObject({
  name: z.string().min(1),
  created_at: z.string().default(''),
  expires_at: z.string().default(''),
  stateful: z.boolean().default(false),
  description: z.string().nullish(),
});

/** State of an instance that was kept. */
export interface Snapshot {
  readonly name: string;
  /** RFC 3339. */
  readonly createdAt: string;
  /** RFC 3339; absent where it stays. */
  readonly expiresAt?: string;
  /** Whether it holds what was in memory, too. */
  readonly stateful: boolean;
  readonly description: string;
}

const collection = '/1.0/instances/{name}/snapshots';
const member = '/1.0/instances/{name}/snapshots/{snapshot}';

/** Snapshots of instances. Everything that throws, throws {@link IncusError}. @see Incus documentation, "REST API", "instances" */
export class Snapshots {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** Those of an instance, in no order. @throws {IncusError} `gone` when there is no such instance */
  async list(instance: string, options: CallOptions = {}): Promise<readonly Snapshot[]> {
    const what = `list the snapshots of instance "${instance}"`;
    const query = { recursion: '1' };
    const call = { method: 'GET', route: collection, what, params: { name: instance }, query } as const;
    const parse = (value: unknown) =>
      z
        .array(z.unknown())
        .parse(value ?? [])
        .map(parseSnapshot);
    return (await this.#api.sync({ ...call, ...options }, parse)).value;
  }

  /** Begins to keep the state that an instance is in. A name that is taken: `conflict`. */
  create(
    instance: string,
    snapshot: { readonly name: string; readonly stateful?: boolean; readonly description?: string },
    options: CallOptions = {},
  ): Promise<StartedOperation> {
    const what = `make the snapshot "${snapshot.name}" of instance "${instance}"`;
    const call = { method: 'POST', route: collection, what, params: { name: instance }, json: snapshot } as const;
    return this.#api.begin({ ...call, ...options });
  }

  /** Begins to put an instance back, with its whole configuration. One that runs is stopped, and started again. */
  restore(instance: string, snapshot: string, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `put instance "${instance}" back to its snapshot "${snapshot}"`;
    const route = '/1.0/instances/{name}';
    const call = { method: 'PUT', route, what, params: { name: instance }, json: { restore: snapshot } } as const;
    return this.#api.begin({ ...call, ...options });
  }

  delete(instance: string, snapshot: string, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `delete the snapshot "${snapshot}" of instance "${instance}"`;
    const params = { name: instance, snapshot };
    return this.#api.begin({ method: 'DELETE', route: member, what, params, ...options });
  }
}

function parseSnapshot(value: unknown): Snapshot {
  const { name, created_at: createdAt, expires_at: expiresAt, stateful, description } = schema.parse(value);
  // Behind the name of its instance in some replies.
  const own = name.slice(name.lastIndexOf('/') + 1);
  const expiry = expiresAt !== '' && !noTime.test(expiresAt) && { expiresAt };
  return { name: own, createdAt, ...expiry, stateful, description: description ?? '' };
}
