import type { Instance } from '../host/incus/instance.ts';
import { classify, type Classified } from './owned.ts';

/** Reads instances from Incus. */
export interface InstanceReader {
  list(options?: { signal?: AbortSignal }): Promise<readonly Instance[]>;
  get(name: string, options?: { signal?: AbortSignal }): Promise<{ value: Instance; etag: string }>;
  /** Number of its init on the host: 0 or less while it has none. */
  state(name: string, options?: { signal?: AbortSignal }): Promise<{ readonly pid: number }>;
}

/** One instance as it was last seen. */
export interface SeenInstance {
  readonly instance: Instance;
  readonly owner: Classified;
  /** Version for compare-and-swap; undefined after a list, which has none. */
  readonly etag: string | undefined;
}

/**
 * What Incus holds, kept from one list and single looks at what changed. It is a cache: every step is decided on a fresh
 * look, and a new list replaces all of it but what was looked at by itself since the list was asked for.
 */
export class InstanceCache {
  readonly #reader: InstanceReader;
  readonly #onVanished: () => void;
  #seen = new Map<string, SeenInstance>();
  #bySandbox: Map<string, SeenInstance[]> | undefined;
  readonly #doubted = new Set<string>();
  /** For each list that is under way, names that were asked for and seen by themselves meanwhile. */
  readonly #overtaken = new Set<Set<string>>();
  #listedAt: number | undefined;

  /** @param onVanished called after an owned instance was found missing: what it leaves on the host is to go, too */
  constructor(reader: InstanceReader, onVanished: () => void = () => undefined) {
    this.#reader = reader;
    this.#onVanished = onVanished;
  }

  /** Wall clock of the last complete list, milliseconds; undefined before the first: absence means nothing until then. */
  get listedAt(): number | undefined {
    return this.#listedAt;
  }

  /**
   * Replace everything by a new list, but for what was looked at by itself meanwhile: the list may have been put together
   * before, and what happened to those since is told by events.
   *
   * @returns names that appeared, vanished or changed
   */
  async relist(now: number, signal?: AbortSignal): Promise<Set<string>> {
    const overtaken = new Set<string>();
    const list = await this.#list(overtaken, signal);
    const before = this.#seen;
    // What is as it was stays the very same object: its stamp need not be read again, and the new copy is gone at once.
    const after = new Map(list.map((instance) => [instance.name, keep(before.get(instance.name), instance)]));
    for (const name of overtaken) restore(after, name, before.get(name));
    for (const [name, { instance }] of after) {
      const old = before.get(name);
      if (!old || !seemsRisen(old.instance, instance)) continue;
      after.set(name, old);
      this.#doubted.add(name);
    }
    this.#seen = after;
    this.#bySandbox = undefined;
    this.#listedAt = now;
    if ([...before].some(([name, old]) => isOwned(old) && !after.has(name))) this.#onVanished();
    return changedNames(before, after);
  }

  async #list(overtaken: Set<string>, signal?: AbortSignal): Promise<readonly Instance[]> {
    const doubted = [...this.#doubted];
    this.#doubted.clear();
    this.#overtaken.add(overtaken);
    try {
      return await this.#reader.list(signal ? { signal } : {});
    } catch (error) {
      for (const name of doubted) this.#doubted.add(name);
      throw error;
    } finally {
      this.#overtaken.delete(overtaken);
    }
  }

  /** Look at one instance again. @returns undefined when there is none of that name. */
  async refresh(name: string, signal?: AbortSignal): Promise<SeenInstance | undefined> {
    this.#doubted.delete(name);
    // A look that was asked for before a list may be older than the list.
    const underWay = [...this.#overtaken];
    const before = this.#seen.get(name);
    let found = await this.#find(name, signal);
    // Its rules go with an instance: one answer is not enough to take them from one that may be running.
    if (!found && isOwned(before)) found = await this.#find(name, signal);
    for (const overtaken of underWay) overtaken.add(name);
    this.#bySandbox = undefined;
    if (!found) {
      this.#seen.delete(name);
      if (isOwned(before)) this.#onVanished();
      return undefined;
    }
    const instance = await this.#settled(before?.instance, found.value, signal);
    const fresh = seen(instance, found.etag);
    this.#seen.set(name, fresh);
    return fresh;
  }

  /** Incus says "running" again of what has ended by itself, for as long as it clears up after it. */
  async #settled(before: Instance | undefined, now: Instance, signal?: AbortSignal): Promise<Instance> {
    if (!before || !seemsRisen(before, now)) return now;
    const { pid } = await this.#reader.state(now.name, signal ? { signal } : {});
    return pid > 0 ? now : { ...now, state: 'stopped' };
  }

  async #find(name: string, signal?: AbortSignal) {
    try {
      return await this.#reader.get(name, signal ? { signal } : {});
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  get(name: string): SeenInstance | undefined {
    return this.#seen.get(name);
  }

  /** What is remembered of an instance may be old: whoever decides by it must look afresh. */
  doubt(name: string): void {
    this.#doubted.add(name);
  }

  /** Whether something happened to an instance since it was last looked at. */
  isDoubted(name: string): boolean {
    return this.#doubted.has(name);
  }

  /** Instances that carry the stamp of a sandbox, one waiting for its deletion among them. */
  ofSandbox(sandbox: string): readonly SeenInstance[] {
    this.#bySandbox ??= Map.groupBy(this.#seen.values(), ({ owner }) =>
      owner.kind === 'owned' ? owner.stamp.name : '',
    );
    return this.#bySandbox.get(sandbox) ?? [];
  }

  all(): Iterable<SeenInstance> {
    return this.#seen.values();
  }

  /** Every IPv4 address that an instance has set aside for itself, whoever owns it. */
  *addresses(): Iterable<string> {
    for (const { instance } of this.#seen.values()) {
      for (const device of Object.values(instance.expandedDevices)) {
        if (device['ipv4.address']) yield device['ipv4.address'];
      }
    }
  }
}

function seen(instance: Instance, etag: string | undefined): SeenInstance {
  return { instance, owner: classify(instance), etag };
}

function isOwned(instance: SeenInstance | undefined): boolean {
  return instance?.owner.kind === 'owned';
}

/** Whether it runs again without having been started again, which nothing does. While it is started, that may look so, too. */
function seemsRisen(before: Instance, now: Instance): boolean {
  return before.state === 'stopped' && now.state === 'running' && before.lastUsedAt === now.lastUsedAt;
}

function isGone(error: unknown): boolean {
  return error instanceof Error && 'class' in error && error.class === 'gone';
}

function keep(before: SeenInstance | undefined, instance: Instance): SeenInstance {
  return before && isSame(before.instance, instance) ? before : seen(instance, undefined);
}

function restore(all: Map<string, SeenInstance>, name: string, seenAlone: SeenInstance | undefined): void {
  if (seenAlone) all.set(name, seenAlone);
  else all.delete(name);
}

function changedNames(
  before: ReadonlyMap<string, SeenInstance>,
  after: ReadonlyMap<string, SeenInstance>,
): Set<string> {
  return new Set([...before.keys(), ...after.keys()].filter((name) => before.get(name) !== after.get(name)));
}

/** Whether two values as they come out of JSON are alike. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => isSame(left[key], right[key]));
}
