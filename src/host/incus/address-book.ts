import { z } from 'zod';
import type { Api } from './api.ts';
import { parseInstances, type Instance } from './instance.ts';
import { parseInstanceState } from './instance-state.ts';
import type { CallOptions } from './instances.ts';

const leasesSchema = z
  .array(z.looseObject({ address: z.string() }))
  .nullish()
  .transform((leases) => leases ?? []);

/** Who has which address, whatever project it belongs to. Everything that throws, throws {@link IncusError}. */
export class AddressBook {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** All instances of all projects. @see Incus documentation, "REST API", "instances", `all-projects` */
  async instances(options: CallOptions = {}): Promise<readonly Instance[]> {
    // Incus refuses a project together with all of them.
    const query = { recursion: '1', 'all-projects': 'true', project: '' };
    const call = { method: 'GET', route: '/1.0/instances', what: 'list the instances of all projects', query } as const;
    return (await this.#api.sync({ ...call, ...options }, parseInstances)).value;
  }

  /** Addresses that a managed bridge has handed out, or holds ready, for anybody. */
  async leases(network: string, options: CallOptions = {}): Promise<readonly string[]> {
    const call = {
      method: 'GET',
      route: '/1.0/networks/{name}/leases',
      what: `read the leases of network "${network}"`,
      params: { name: network },
      query: { project: 'default' },
    } as const;
    const { value } = await this.#api.sync({ ...call, ...options }, (leases) => leasesSchema.parse(leases));
    return value.map(({ address }) => address);
  }

  /** Addresses inside one instance right now. Costs several milliseconds and asks the container. */
  async inside({ name, project }: Pick<Instance, 'name' | 'project'>, options: CallOptions = {}): Promise<string[]> {
    const call = {
      method: 'GET',
      route: '/1.0/instances/{name}/state',
      what: `read the state of instance "${name}"`,
      params: { name },
      query: { project },
    } as const;
    const { value } = await this.#api.sync({ ...call, ...options }, parseInstanceState);
    return Object.values(value.network).flatMap(({ addresses }) => addresses.map(({ address }) => address));
  }
}
