import { z } from 'zod';
import type { Api } from './api.ts';
import { isIncusError } from './errors.ts';
import type { Config } from './instance.ts';
import type { CallOptions } from './instances.ts';
import { configSchema, pathsSchema } from './schemas.ts';

const schema = z.looseObject({
  name: z.string(),
  driver: z.string(),
  status: z.string().default(''),
  config: configSchema,
  used_by: pathsSchema,
});

const resourcesSchema = z.looseObject({
  space: z.looseObject({ used: z.number().default(0), total: z.number().default(0) }),
});

/** A storage pool. */
export interface StoragePool {
  readonly name: string;
  /** `btrfs`, `dir`, `zfs`, … */
  readonly driver: string;
  /** `Created`, `Unavailable`, … */
  readonly status: string;
  readonly config: Config;
  readonly usedBy: readonly string[];
}

/** How full a storage pool is. */
export interface StorageSpace {
  readonly usedBytes: number;
  readonly totalBytes: number;
}

/** A new storage pool, in Incus' own terms. */
export interface NewStoragePool {
  readonly name: string;
  readonly driver: string;
  readonly config: Config;
  readonly description?: string;
}

const collection = '/1.0/storage-pools';
const member = '/1.0/storage-pools/{name}';

/** Storage pools. Everything that throws, throws {@link IncusError}. @see Incus documentation, "REST API", "storage" */
export class Storage {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async list(options: CallOptions = {}): Promise<readonly StoragePool[]> {
    const call = { method: 'GET', route: collection, what: 'list storage pools', query: { recursion: '1' } } as const;
    const parse = (value: unknown) => z.array(z.unknown()).parse(value).map(parsePool);
    return (await this.#api.sync({ ...call, ...options }, parse)).value;
  }

  async get(name: string, options: CallOptions = {}): Promise<StoragePool> {
    const call = { method: 'GET', route: member, what: `read storage pool "${name}"`, params: { name } } as const;
    return (await this.#api.sync({ ...call, ...options }, parsePool)).value;
  }

  async space(name: string, options: CallOptions = {}): Promise<StorageSpace> {
    const what = `read how full storage pool "${name}" is`;
    const call = { method: 'GET', route: `${member}/resources`, what, params: { name } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseSpace)).value;
  }

  /** Whether an instance has a volume in a storage pool, as far as Incus knows. */
  async hasInstanceVolume(storagePool: string, instance: string, options: CallOptions = {}): Promise<boolean> {
    const route = `${member}/volumes/container/{instance}`;
    const what = `read the volume of instance "${instance}"`;
    const call = { method: 'GET', route, what, params: { name: storagePool, instance } } as const;
    try {
      await this.#api.done({ ...call, ...options });
      return true;
    } catch (error) {
      if (isIncusError(error, 'gone')) return false;
      throw error;
    }
  }

  /** Takes seconds for drivers that format a file. */
  create(pool: NewStoragePool, options: CallOptions = {}): Promise<void> {
    const what = `create storage pool "${pool.name}"`;
    return this.#api.done({ method: 'POST', route: collection, what, json: pool, timeoutMs: 120_000, ...options });
  }

  delete(name: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', route: member, what: `delete storage pool "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, ...options });
  }
}

function parsePool(value: unknown): StoragePool {
  const { name, driver, status, config, used_by: usedBy } = schema.parse(value);
  return { name, driver, status, config, usedBy };
}

function parseSpace(value: unknown): StorageSpace {
  const { space } = resourcesSchema.parse(value);
  return { usedBytes: space.used, totalBytes: space.total };
}
