import type { Clock } from '../base/clock.ts';
import type { Seen } from './answer-looks.ts';
import { linksKey, networkKey, sandboxKey } from './hints.ts';
import type { KeyedSources } from './keyed-sources.ts';
import type { QueueResult, WorkQueue } from './queue.ts';
import type { NetworkReconciler, NetworkRepair } from './reconcile-network.ts';

/** Links that came or went are looked at together. */
const linkDelayMs = 2_000;

/** What looking after the host's own keys needs. */
export interface HostKeysInit extends Seen {
  readonly queue: WorkQueue;
  readonly clock: Clock;
  readonly sources: KeyedSources;
  readonly network: NetworkReconciler;
  readonly listeners: {
    readonly onNetwork: (repair: NetworkRepair) => void;
    readonly onOrphans: (removed: readonly string[]) => void;
  };
}

/** Looks after what all sandboxes of the host share: the list of instances, the network rules, the links. */
export class HostKeys {
  readonly #init: HostKeysInit;

  constructor(init: HostKeysInit) {
    this.#init = init;
  }

  /** The rules may be other than they were. */
  hintNetwork(): void {
    this.#init.queue.add(networkKey, { priority: 'security' });
  }

  /** Links came or went. */
  hintLinks(): void {
    this.#init.queue.add(linksKey, { priority: 'event', afterMs: linkDelayMs });
  }

  /** One visit to `host/NAME`. */
  async look(name: string, signal: AbortSignal): Promise<QueueResult> {
    const { sources, network, listeners } = this.#init;
    if (name === 'instances') await this.#relist(signal);
    else if (name === 'network') await this.#reconcileNetwork(signal);
    else if (sources.isObserved()) listeners.onOrphans(await network.removeOrphanLinks(signal));
    return { kind: 'settled' };
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const { instances, desired, sources, queue, clock } = this.#init;
    const isFirst = instances.listedAt === undefined;
    const changed = await instances.relist(clock.now(), signal);
    for (const name of changed) {
      const owner = instances.get(name)?.owner;
      const sandbox = owner?.kind === 'owned' ? owner.stamp.name : desired.declaredAs(name);
      if (sandbox !== undefined) queue.add(sandboxKey(sandbox), { priority: 'event' });
    }
    if (!isFirst) return;
    // Rules of instances that nobody knew until now were left alone; the sources had to wait for what they own.
    this.hintNetwork();
    for (const { id } of sources.all()) sources.hint(id);
  }

  /** Until instances are listed nobody knows whose the loaded rules are, so they stay as they are. */
  async #reconcileNetwork(signal: AbortSignal): Promise<void> {
    const { instances, network, listeners, sandboxes, queue } = this.#init;
    if (instances.listedAt === undefined) return;
    const wasReady = network.isReady();
    listeners.onNetwork(await network.reconcile(signal));
    if (wasReady) return;
    for (const { name, plan, world } of sandboxes.all()) {
      const isBare = world.instance !== undefined && world.instance.rules !== 'current';
      const isWaiting = plan.block?.reason === 'WaitingNetwork' || isBare;
      if (isWaiting) queue.add(sandboxKey(name), { priority: 'security' });
    }
  }
}
