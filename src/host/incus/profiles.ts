import { z } from 'zod';
import type { Answer, Api } from './api.ts';
import type { Config, Devices } from './instance.ts';
import type { CallOptions } from './instances.ts';
import { configSchema, devicesSchema, pathsSchema } from './schemas.ts';

const schema = z.looseObject({
  name: z.string(),
  description: z.string().default(''),
  config: configSchema,
  devices: devicesSchema,
  used_by: pathsSchema,
});

/** Configuration that instances share. */
export interface Profile {
  readonly name: string;
  readonly description: string;
  readonly config: Config;
  readonly devices: Devices;
  readonly usedBy: readonly string[];
}

/** What a profile is made or changed with. */
export interface ProfileContent {
  readonly description?: string;
  readonly config?: Config;
  readonly devices?: Devices;
}

const collection = '/1.0/profiles';
const member = '/1.0/profiles/{name}';

/**
 * Profiles. Everything that throws, throws {@link IncusError}. Incus' etag check is not atomic here: two writers with
 * the same etag may both win.
 * @see Incus documentation, "REST API", "profiles"
 */
export class Profiles {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async list(options: CallOptions = {}): Promise<readonly Profile[]> {
    const call = { method: 'GET', route: collection, what: 'list profiles', query: { recursion: '1' } } as const;
    const parse = (value: unknown) => z.array(z.unknown()).parse(value).map(parseProfile);
    return (await this.#api.sync({ ...call, ...options }, parse)).value;
  }

  get(name: string, options: CallOptions = {}): Promise<Answer<Profile>> {
    const call = { method: 'GET', route: member, what: `read profile "${name}"`, params: { name } } as const;
    return this.#api.sync({ ...call, ...options }, parseProfile);
  }

  create(name: string, content: ProfileContent, options: CallOptions = {}): Promise<void> {
    const json = { name, ...content };
    return this.#api.done({ method: 'POST', route: collection, what: `create profile "${name}"`, json, ...options });
  }

  /** Merges configuration and devices. */
  patch(name: string, content: ProfileContent, options: CallOptions & { readonly etag?: string } = {}): Promise<void> {
    const call = { method: 'PATCH', route: member, what: `change profile "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, json: content, ...options });
  }

  delete(name: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', route: member, what: `delete profile "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, ...options });
  }
}

function parseProfile(value: unknown): Profile {
  const { name, description, config, devices, used_by: usedBy } = schema.parse(value);
  return { name, description, config, devices, usedBy };
}
