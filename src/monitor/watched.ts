import { isDeepStrictEqual } from 'node:util';
import { pause, type Clock } from '../base/clock.ts';
import type { Controller } from '../controller/controller.ts';
import { allPolicies } from '../controller/policies.ts';
import type { Notice } from '../host/incus/events.ts';
import { isAlive, processAt, type HostProcess } from '../host/process/container-process.ts';
import type { Endpoint } from '../network/policy.ts';
import { monitoringOf } from '../spec/monitoring.ts';
import type { WatchedContainer } from './sensor.ts';

/** What happens within this time is taken in together, in milliseconds. */
const gatherMs = 10;

/** How often it is looked whether each init is still there, in milliseconds: what Incus does not tell is seen then. */
const sweepMs = 5_000;

/** After these another init runs inside, or none. */
const turns = new Set([
  'instance-started',
  'instance-restarted',
  'instance-ready',
  'instance-stopped',
  'instance-shutdown',
  'instance-deleted',
  'instance-renamed',
  'instance-restored',
]);

export interface WatchedInit {
  readonly controller: Pick<Controller, 'instances' | 'desired' | 'policies'>;
  readonly project: string;
  readonly clock: Clock;
  /** Asks Incus for the process id of an instance's init: 0 or less when it has none. */
  readonly initOf: (instance: string, signal: AbortSignal) => Promise<number>;
  /** What {@link WatchedContainers.all} gives is another than before; `risen`: those with an init that was not known. */
  readonly onChange: (risen: readonly WatchedContainer[]) => void;
  readonly onProblem: (error: unknown) => void;
}

/**
 * The sandboxes that are watched, with the init of each. Incus is asked for it when it tells of a start, and never by a
 * sweep: those only look whether what is known is still there.
 */
export class WatchedContainers {
  readonly #init: WatchedInit;
  readonly #inits = new Map<string, HostProcess>();
  /** Instances whose init is being asked for, with how often something happened meanwhile. */
  readonly #asking = new Map<string, { isStale: boolean }>();
  /** Those that had none when they were asked for: that is told when it changes, and looked at again by the sweep. */
  readonly #without = new Set<string>();
  #byUid: ReadonlyMap<string, WatchedContainer> = new Map();
  #all: readonly WatchedContainer[] = [];
  #gathering: Disposable | undefined;
  #lifetime: AbortSignal | undefined;

  constructor(init: WatchedInit) {
    this.#init = init;
  }

  /** Those that are watched now, running or not. */
  readonly all = (): readonly WatchedContainer[] => this.#all;

  /** One of them by its stamp's uid. */
  find(uid: string): WatchedContainer | undefined {
    return this.#byUid.get(uid);
  }

  /** One of them by the name of the sandbox. */
  named(name: string): WatchedContainer | undefined {
    return this.#all.find((each) => each.name === name);
  }

  /** Know of them until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    this.#lifetime = signal;
    while (!signal.aborted) {
      this.#sweep();
      await pause(this.#init.clock, sweepMs, signal);
    }
    this.#gathering?.[Symbol.dispose]();
  }

  /** Something happened in Incus. */
  notice(notice: Notice): void {
    if (notice.kind === 'gap') this.#sweep();
    if (notice.kind !== 'lifecycle' || notice.project !== this.#init.project) return;
    if (notice.collection === 'instances' && turns.has(notice.action)) this.#ask(notice.name);
  }

  /** What is declared, or known of instances, may be something else. */
  hint(): void {
    if (!this.#lifetime || this.#lifetime.aborted) return;
    this.#gathering ??= this.#init.clock.after(gatherMs, () => {
      this.#gathering = undefined;
      this.#gather();
    });
  }

  #sweep(): void {
    this.#without.clear();
    for (const [instance, init] of this.#inits) if (!isAlive(init)) this.#ask(instance);
    this.hint();
  }

  #ask(instance: string): void {
    if (!this.#lifetime || this.#lifetime.aborted) return;
    const asking = this.#asking.get(instance);
    if (asking) {
      asking.isStale = true;
      return;
    }
    void this.#askUntilFresh(instance, this.#lifetime).catch(this.#init.onProblem);
  }

  async #askUntilFresh(instance: string, signal: AbortSignal): Promise<void> {
    const asking = { isStale: true };
    this.#asking.set(instance, asking);
    try {
      while (asking.isStale) {
        asking.isStale = false;
        const init = await this.#read(instance, signal);
        if (init) this.#inits.set(instance, init);
        else this.#inits.delete(instance);
      }
    } finally {
      if (!this.#inits.has(instance)) this.#without.add(instance);
      this.#asking.delete(instance);
      this.hint();
    }
  }

  async #read(instance: string, signal: AbortSignal): Promise<HostProcess | undefined> {
    try {
      const pid = await this.#init.initOf(instance, signal);
      return pid > 0 ? processAt(pid) : undefined;
    } catch (error) {
      const isGone = error instanceof Error && 'class' in error && error.class === 'gone';
      if (isGone || signal.aborted) return undefined;
      throw error;
    }
  }

  #gather(): void {
    const found = this.#find();
    if (isDeepStrictEqual(found, this.#byUid)) return;
    const before = this.#byUid;
    this.#byUid = found;
    this.#all = [...found.values()];
    const isRisen = ({ uid, init }: WatchedContainer) =>
      init !== undefined && !isDeepStrictEqual(before.get(uid)?.init, init);
    this.#init.onChange(this.#all.filter(isRisen));
  }

  #find(): Map<string, WatchedContainer> {
    const { instances, desired, policies } = this.#init.controller;
    const manifests = desired.manifests();
    const addresses = new Map(allPolicies(policies).map(({ uid, endpoint }) => [uid, addressesOf(endpoint)]));
    const found = new Map<string, WatchedContainer>();
    const add = (uid: string, name: string, instance: string) => {
      const monitoring = monitoringOf(manifests.get(name)?.sandbox ?? {});
      if (!monitoring.enabled) return;
      const init = this.#inits.get(instance);
      found.set(uid, { uid, name, instance, init, addresses: addresses.get(uid) ?? [], monitoring });
    };
    for (const [name, { uid }] of policies.reservations.named()) {
      const instance = manifests.get(name)?.instance;
      if (instance !== undefined) add(uid, name, instance);
    }
    for (const { owner, instance } of instances.all()) {
      if (owner.kind !== 'owned' || owner.isTombstone) continue;
      add(owner.stamp.uid, owner.stamp.name, instance.name);
      const isUp = instance.state === 'running' || instance.state === 'frozen';
      if (isUp && !this.#inits.has(instance.name) && !this.#without.has(instance.name)) this.#ask(instance.name);
    }
    return found;
  }
}

function addressesOf({ ipv4, ipv6 }: Endpoint): string[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}
