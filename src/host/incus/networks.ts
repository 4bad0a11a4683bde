import { z } from 'zod';
import type { Answer, Api } from './api.ts';
import type { Config } from './instance.ts';
import type { CallOptions } from './instances.ts';
import { configSchema, pathsSchema } from './schemas.ts';

const schema = z.looseObject({
  name: z.string(),
  type: z.string(),
  managed: z.boolean().default(false),
  status: z.string().default(''),
  config: configSchema,
  used_by: pathsSchema,
});

const stateSchema = z.looseObject({
  state: z.string(),
  hwaddr: z.string().default(''),
  mtu: z.number().default(0),
  addresses: z
    .array(z.looseObject({ family: z.string(), address: z.string(), netmask: z.string(), scope: z.string() }))
    .nullish(),
});

const leasesSchema = z.array(z.looseObject({ address: z.string() }));

/** A network: one that Incus manages, or a link of the host that it merely sees. */
export interface Network {
  readonly name: string;
  /** `bridge`, `physical`, `loopback`, … */
  readonly type: string;
  readonly isManaged: boolean;
  /** `Created`, `Errored`, …; empty for one that is not managed. */
  readonly status: string;
  readonly config: Config;
  /** Paths of profiles and instances. */
  readonly usedBy: readonly string[];
}

/** What a network's link does right now. */
export interface NetworkState {
  readonly isUp: boolean;
  readonly hwaddr: string;
  readonly mtu: number;
  /** `netmask` is the prefix length. */
  readonly addresses: readonly {
    readonly family: string;
    readonly address: string;
    readonly netmask: string;
    readonly scope: string;
  }[];
}

/** A new network, in Incus' own terms. */
export interface NewNetwork {
  readonly name: string;
  readonly type: 'bridge';
  readonly config: Config;
  readonly description?: string;
}

const collection = '/1.0/networks';
const member = '/1.0/networks/{name}';

/** Networks. Everything that throws, throws {@link IncusError}. @see Incus documentation, "REST API", "networks" */
export class Networks {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async list(options: CallOptions = {}): Promise<readonly Network[]> {
    const call = { method: 'GET', route: collection, what: 'list networks', query: { recursion: '1' } } as const;
    return (
      await this.#api.sync({ ...call, ...options }, (value) => z.array(z.unknown()).parse(value).map(parseNetwork))
    ).value;
  }

  get(name: string, options: CallOptions = {}): Promise<Answer<Network>> {
    const call = { method: 'GET', route: member, what: `read network "${name}"`, params: { name } } as const;
    return this.#api.sync({ ...call, ...options }, parseNetwork);
  }

  async state(name: string, options: CallOptions = {}): Promise<NetworkState> {
    const what = `read the state of network "${name}"`;
    const call = { method: 'GET', route: `${member}/state`, what, params: { name } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseNetworkState)).value;
  }

  /** Addresses that are given out on a network, of both families, whichever project their holders are in. */
  async leases(name: string, options: CallOptions = {}): Promise<readonly string[]> {
    const what = `list the addresses given out on network "${name}"`;
    const call = { method: 'GET', route: `${member}/leases`, what, params: { name } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseLeases)).value;
  }

  create(network: NewNetwork, options: CallOptions = {}): Promise<void> {
    const what = `create network "${network.name}"`;
    return this.#api.done({ method: 'POST', route: collection, what, json: network, ...options });
  }

  /** Merges configuration; an empty text removes a key. */
  patch(name: string, config: Config, options: CallOptions & { readonly etag?: string } = {}): Promise<void> {
    const call = { method: 'PATCH', route: member, what: `change network "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, json: { config }, ...options });
  }

  delete(name: string, options: CallOptions = {}): Promise<void> {
    const call = { method: 'DELETE', route: member, what: `delete network "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, ...options });
  }
}

function parseNetwork(value: unknown): Network {
  const { name, type, managed, status, config, used_by: usedBy } = schema.parse(value);
  return { name, type, isManaged: managed, status, config, usedBy };
}

function parseLeases(value: unknown): string[] {
  return leasesSchema.parse(value).map(({ address }) => address);
}

function parseNetworkState(value: unknown): NetworkState {
  const { state, hwaddr, mtu, addresses } = stateSchema.parse(value);
  return { isUp: state === 'up', hwaddr, mtu, addresses: addresses ?? [] };
}
