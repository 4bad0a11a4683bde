import type { Answer, Api } from './api.ts';
import { parseInstance, parseInstances, type Config, type Devices, type Instance } from './instance.ts';
import { parseInstanceState, type RuntimeState } from './instance-state.ts';
import type { StartedOperation } from './operation.ts';
import { parseWholeInstances, type WholeInstance } from './whole-instance.ts';

/** Where a new instance's files come from. `none` makes an empty one, which cannot start. */
export type InstanceSource =
  | { readonly type: 'image'; readonly fingerprint: string }
  | { readonly type: 'image'; readonly alias: string }
  | { readonly type: 'none' }
  | { readonly type: 'copy'; readonly source: string; readonly instance_only?: boolean };

/** A new instance, in Incus' own terms. */
export interface NewInstance {
  readonly name: string;
  readonly source: InstanceSource;
  readonly config?: Config;
  readonly devices?: Devices;
  readonly profiles?: readonly string[];
  readonly ephemeral?: boolean;
  readonly description?: string;
  /** Start it in the same operation. */
  readonly start?: boolean;
}

/** Changes to an instance. Configuration is merged: an empty text removes a key. Devices are merged by name. */
export interface InstancePatch {
  readonly config?: Config;
  readonly devices?: Devices;
  readonly profiles?: readonly string[];
  readonly ephemeral?: boolean;
  readonly description?: string;
}

export type StateAction = 'start' | 'stop' | 'restart' | 'freeze' | 'unfreeze';

/** How a state is changed. */
export interface StateOptions {
  /** Do not ask what runs inside: pull the plug. */
  readonly force?: boolean;
  /** Seconds that a stop waits for what runs inside; -1 for ever. Incus' own default is -1, ours is 30. */
  readonly timeoutS?: number;
  readonly signal?: AbortSignal;
}

/** What every call may be given. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

const collection = '/1.0/instances';
const member = '/1.0/instances/{name}';

/**
 * Instances of one project. Everything that throws, throws {@link IncusError}.
 * @see Incus documentation, "REST API", "instances"
 */
export class Instances {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  /** All instances, one cheap request: their runtime state (addresses, memory, …) is not in it. */
  async list(options: CallOptions = {}): Promise<readonly Instance[]> {
    const call = { method: 'GET', route: collection, what: 'list instances', query: { recursion: '1' } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseInstances)).value;
  }

  /**
   * All instances with what each does right now, as Incus has it. Asks every container that runs: for people, not for loops.
   */
  async listWhole(options: CallOptions = {}): Promise<readonly WholeInstance[]> {
    const call = { method: 'GET', route: collection, what: 'list instances', query: { recursion: '2' } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseWholeInstances)).value;
  }

  /** One instance and its version for compare-and-swap. @throws {IncusError} `gone` */
  get(name: string, options: CallOptions = {}): Promise<Answer<Instance>> {
    const call = { method: 'GET', route: member, what: `read instance "${name}"`, params: { name } } as const;
    return this.#api.sync({ ...call, ...options }, parseInstance);
  }

  /** What an instance does right now. Costs several milliseconds and asks the container: for single ones only. */
  async state(name: string, options: CallOptions = {}): Promise<RuntimeState> {
    const what = `read the state of instance "${name}"`;
    const call = { method: 'GET', route: `${member}/state`, what, params: { name } } as const;
    return (await this.#api.sync({ ...call, ...options }, parseInstanceState)).value;
  }

  /** Begins to create one. A name that is taken shows only when the operation fails (`conflict`, `incus.taken`). */
  create(instance: NewInstance, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `create instance "${instance.name}"`;
    return this.#api.begin({ method: 'POST', route: collection, what, json: instance, ...options });
  }

  /**
   * Merges changes into an instance's own configuration.
   *
   * @param etag from {@link get}; with it the change is a compare-and-swap
   * @throws {IncusError} `conflict` when the instance has changed since.
   */
  patch(name: string, patch: InstancePatch, options: CallOptions & { readonly etag?: string } = {}): Promise<void> {
    const call = { method: 'PATCH', route: member, what: `change instance "${name}"`, params: { name } } as const;
    return this.#api.done({ ...call, json: patch, ...options });
  }

  /**
   * Replaces what is configured on an instance: what the new content does not name is removed.
   *
   * @param etag from {@link get}: the change is a compare-and-swap
   * @throws {IncusError} `conflict` when the instance has changed since.
   */
  replace(
    name: string,
    content: InstancePatch & { readonly architecture: string },
    { etag, ...options }: CallOptions & { readonly etag: string },
  ): Promise<StartedOperation> {
    const call = { method: 'PUT', route: member, what: `change instance "${name}"`, params: { name } } as const;
    return this.#api.begin({ ...call, json: content, etag, ...options });
  }

  /** Begins to rename a stopped instance. Incus takes no etag here: check who it is afterwards. */
  rename(name: string, newName: string, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `rename instance "${name}" to "${newName}"`;
    return this.#api.begin({
      method: 'POST',
      route: member,
      what,
      params: { name },
      json: { name: newName },
      ...options,
    });
  }

  /**
   * Gives an instance the name that its volume has already, in Incus' own database, as `incus admin sql` does: after a rename
   * that incusd died in, no other call can.
   */
  completeRename({ name, project }: Pick<Instance, 'name' | 'project'>, newName: string, options: CallOptions = {}) {
    const query = `UPDATE instances SET name = ${quoted(newName)} WHERE name = ${quoted(name)} AND project_id = (SELECT id FROM projects WHERE name = ${quoted(project)})`;
    const what = `complete the renaming of instance "${name}" to "${newName}"`;
    const json = { database: 'global', query };
    return this.#api.done({ method: 'POST', route: '/internal/sql', what, json, ...options });
  }

  /** Begins to delete a stopped instance and all its data. Incus takes no etag here. */
  delete(name: string, options: CallOptions = {}): Promise<StartedOperation> {
    const what = `delete instance "${name}"`;
    return this.#api.begin({ method: 'DELETE', route: member, what, params: { name }, ...options });
  }

  /**
   * Begins a change of state. Being in that state already shows when the operation fails (`already`).
   *
   * Stop a frozen instance with `force` or thaw it first: a stop that asks runs into its time limit, and then 6.0.4
   * says Running of a container whose processes are frozen, and neither freezes nor thaws it any more.
   */
  setState(name: string, action: StateAction, options: StateOptions = {}): Promise<StartedOperation> {
    const { force = false, timeoutS = 30, signal } = options;
    return this.#api.begin({
      method: 'PUT',
      route: `${member}/state`,
      what: `${action} instance "${name}"`,
      params: { name },
      json: { action, force, timeout: timeoutS },
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

/** A text of SQL. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
