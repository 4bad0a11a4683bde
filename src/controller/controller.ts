import type { Agents } from '../apply/agents.ts';
import type { Hands } from '../apply/hands.ts';
import type { Reservations } from '../apply/reservations.ts';
import { reconcileBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { Firewall } from '../host/nft/firewall.ts';
import { ProcessWatch } from '../host/process/process-watch.ts';
import type { Bridge } from '../network/policy.ts';
import { ImageAliases } from '../observe/images.ts';
import { InstanceCache } from '../observe/instances.ts';
import type { Override } from '../plan/override.ts';
import { plan as planSandbox } from '../plan/plan.ts';
import { desiredView, type Placement } from '../plan/render-instance.ts';
import { liveView, normaliseView, type View } from '../plan/view.ts';
import type { World } from '../plan/world.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Source } from '../source/source.ts';
import { DesiredState } from './desired.ts';
import { ExpiryLimit } from './expiry-limit.ts';
import { Fights } from './fights.ts';
import { hintFrom, instancesKey, linksKey, networkKey, sandboxKey, sourceKey } from './hints.ts';
import type { Journal } from './journal.ts';
import { WorkQueue, type Priority, type QueueItem, type QueueResult } from './queue.ts';
import { NetworkReconciler, type NetworkRepair } from './reconcile-network.ts';
import { SandboxReconciler } from './reconcile-sandbox.ts';
import { Sandboxes, type Transition } from './sandboxes.ts';
import { uninstall } from './uninstall.ts';
import { runWorkers } from './workers.ts';
import { WorldBuilder } from './world-builder.ts';

/** Everything is looked at again after this time, give or take a tenth, whether or not anything was heard of. */
export const resyncMs = 60_000;
const resyncJitter = 0.1;

/** A second read of a source after one that lacked something: pruning needs both. */
const secondReadMs = 1_000;

/** How often to see whether the queue has run dry, in milliseconds. */
const lookPollMs = 20;

/** Links that came or went are looked at together. */
const linkDelayMs = 2_000;

/** Rules of instances that vanished are looked for together, and after those of our own deletions are removed. */
const vanishedDelayMs = 1_000;

/** What is told to whoever wants to know: metrics, log, notifications. */
export interface Listeners {
  readonly onTransition: (transition: Transition) => void;
  readonly onDone: (item: QueueItem, result: QueueResult, workedMs: number) => void;
  readonly onNetwork: (repair: NetworkRepair) => void;
  readonly onOrphans: (removed: readonly string[]) => void;
  /** A key other than a sandbox's could not be looked after. */
  readonly onProblem: (key: string, problem: Problem) => void;
}

export interface ControllerInit {
  readonly clock: Clock;
  readonly incus: Incus;
  readonly project: string;
  readonly bridge: Bridge;
  readonly placement: Placement;
  readonly reservations: Reservations;
  readonly agents: Agents;
  readonly journal: Journal;
  readonly workers: number;
  readonly overrides: (sandbox: string) => readonly Override[];
  readonly setOverride: (sandbox: string, override: Override) => Promise<void>;
  readonly listeners: Listeners;
  /** Ends everything when it aborts. */
  readonly lifetime: AbortSignal;
  readonly random?: () => number;
}

/** The loop: hints put keys on a queue, workers look after one key at a time until nothing is left to do. */
export class Controller {
  readonly queue: WorkQueue;
  readonly instances: InstanceCache;
  readonly desired: DesiredState;
  readonly sandboxes: Sandboxes;
  readonly fights = new Fights();
  readonly worlds: WorldBuilder;
  readonly network: NetworkReconciler;
  readonly #init: ControllerInit;
  readonly #firewall: Firewall;
  readonly #sources = new Map<string, Source>();
  readonly #images: ImageAliases;
  readonly #expiries = new ExpiryLimit();
  #deleted: (sandbox: string, source: string) => void = () => undefined;
  readonly #reconciler: SandboxReconciler;
  readonly #handlers: Record<string, (name: string, signal: AbortSignal) => Promise<QueueResult>>;

  constructor(init: ControllerInit, firewall: Firewall) {
    this.#init = init;
    this.#firewall = firewall;
    const { clock, incus, journal, reservations, agents, bridge, placement, overrides } = init;
    this.queue = new WorkQueue({ clock, backoff: reconcileBackoff, ...(init.random && { random: init.random }) });
    this.instances = new InstanceCache(incus.instances, () => {
      this.queue.add(networkKey, { priority: 'event', afterMs: vanishedDelayMs });
    });
    this.desired = new DesiredState(this.instances, () => clock.now());
    this.#images = new ImageAliases(
      async (alias, signal) => (await incus.images.resolve(alias, { signal })) !== undefined,
    );
    this.sandboxes = new Sandboxes((transition) => this.#transition(transition));
    const policies = {
      instances: this.instances,
      reservations,
      bridge,
      overrides,
      desired: (name: string) => this.desired.of(name),
      now: () => clock.now(),
    };
    this.network = new NetworkReconciler({ ...policies, firewall, clock });
    this.worlds = new WorldBuilder({
      ...policies,
      agents,
      images: this.#images,
      fights: this.fights,
      placement,
      clock,
      elements: () => firewall.loaded()?.elements,
      networkReady: () => this.network.isGiven(),
      isReady: (name) => this.sandboxes.isReady(name),
      mayExpire: () => this.#expiries.hasRoom(clock.monotonic()),
      busy: (name, signal) => this.#busy(name, signal),
    });
    this.#reconciler = new SandboxReconciler({
      worlds: this.worlds,
      sandboxes: this.sandboxes,
      hands: this.#hands(firewall),
      fights: this.fights,
      journal,
      isObserved: () => this.isObserved(),
    });
    this.#handlers = {
      sandbox: (name, signal) => this.#reconciler.reconcile(name, signal),
      source: (id, signal) => this.#readSource(id, signal),
      host: (name, signal) => this.#hostKey(name, signal),
    };
  }

  #hands(firewall: Firewall): Hands {
    const { incus, reservations, agents, bridge, clock, lifetime } = this.#init;
    return {
      incus,
      firewall,
      instances: this.instances,
      reservations,
      agents,
      processes: new ProcessWatch(clock, lifetime),
      bridge,
      clock,
      lifetime,
      lookAgain: (name) => this.queue.add(sandboxKey(name), { priority: 'event' }),
      setOverride: async (name, override) => {
        await this.#init.setOverride(name, override);
        if (override.kind === 'expired') this.#expiries.record(clock.monotonic());
      },
    };
  }

  /** Whether Incus was listed and every source was read once: before that, nothing may be concluded from absence. */
  isObserved(): boolean {
    return this.instances.listedAt !== undefined && this.desired.sources().length === this.#sources.size;
  }

  /** Look after keys until the lifetime ends. */
  async run(): Promise<void> {
    const { lifetime, workers: count, journal, listeners, incus } = this.#init;
    using _events = incus.events.on((notice) =>
      hintFrom(
        {
          queue: this.queue,
          instances: this.instances,
          sandboxes: this.sandboxes,
          agents: this.#init.agents,
          images: this.#images,
          declaredAs: (instance) => this.#declaredAs(instance),
          project: this.#init.project,
        },
        notice,
      ),
    );
    incus.events.start();
    this.queue.add(instancesKey, { priority: 'security' });
    this.queue.add(networkKey, { priority: 'security' });
    for (const id of this.#sources.keys()) this.queue.add(sourceKey(id), { priority: 'command' });
    const handle = (item: QueueItem, signal: AbortSignal) => this.#handle(item, signal);
    const resync = this.#resyncForEver(lifetime);
    const onDone = listeners.onDone.bind(listeners);
    await runWorkers({ queue: this.queue, count, handle, journal, onDone, clock: this.#init.clock }, lifetime);
    await resync;
  }

  #declaredAs(instance: string): string | undefined {
    for (const manifest of this.desired.manifests().values()) if (manifest.instance === instance) return manifest.name;
    return undefined;
  }

  /** The rules may be other than they were. */
  hintNetwork(): void {
    this.queue.add(networkKey, { priority: 'security' });
  }

  /** Links came or went. */
  hintLinks(): void {
    this.queue.add(linksKey, { priority: 'event', afterMs: linkDelayMs });
  }

  /**
   * Take manifests from a source from now on.
   * @throws {Problem} `source.same-id` when another source has the same id: neither could then prune safely
   */
  addSource(source: Source): void {
    const other = this.#sources.get(source.id);
    if (other) {
      throw new Problem({
        code: 'source.same-id',
        message: `${source.path} and ${other.path} have the same id ${source.id} in their .coi-source`,
        hint: 'One is a copy of the other: delete .coi-source in the copy',
      });
    }
    this.#sources.set(source.id, source);
    this.hintSource(source.id);
  }

  /** A source may say something else. */
  hintSource(id: string): void {
    this.queue.add(sourceKey(id), { priority: 'spec' });
  }

  /** An override was set or lifted. */
  hintSandbox(name: string, priority: Priority = 'command'): void {
    this.queue.add(sandboxKey(name), { priority });
  }

  async #resyncForEver(signal: AbortSignal): Promise<void> {
    const { clock, random = Math.random } = this.#init;
    while (!signal.aborted) {
      const waitMs = resyncMs * (1 - resyncJitter + 2 * resyncJitter * random());
      // Rejects only because the lifetime ends, which the loop sees.
      await clock.sleep(waitMs, signal).catch(() => undefined);
      if (!signal.aborted) this.resync();
    }
  }

  /** Look at everything again; unless said otherwise when nothing more urgent is left. */
  resync(priority: Priority = 'resync'): void {
    this.queue.add(instancesKey, { priority });
    this.queue.add(networkKey, { priority });
    this.queue.add(linksKey, { priority });
    for (const name of this.names()) this.queue.add(sandboxKey(name), { priority });
  }

  sourceIds(): readonly string[] {
    return [...this.#sources.keys()];
  }

  /** Look at everything once without changing anything: what a command that only looks is told. */
  async lookOnce(signal: AbortSignal): Promise<void> {
    await this.instances.relist(this.#init.clock.now(), signal);
    await this.network.inspect();
    for (const source of this.#sources.values()) this.desired.accept(source, await source.read(signal));
    for (const name of this.names()) {
      const world = await this.worlds.fresh(name, signal);
      this.sandboxes.record({ world, plan: planSandbox(world) });
    }
  }

  /** Remove every sandbox of this host and the rules of all. Only while nothing else runs here. */
  async uninstall(onRemoved: (sandbox: string) => void, signal: AbortSignal): Promise<void> {
    await this.instances.relist(this.#init.clock.now(), signal);
    const names = () =>
      new Set([...this.instances.all()].flatMap(({ owner }) => (owner.kind === 'owned' ? [owner.stamp.name] : [])));
    const look = (name: string, lookSignal: AbortSignal) => this.worlds.fresh(name, lookSignal);
    await uninstall({ hands: this.#hands(this.#firewall), names, look, onRemoved }, signal);
  }

  /** Be told when nothing is left of a sandbox that a source wants deleted by command. */
  onDeleted(listener: (sandbox: string, source: string) => void): void {
    this.#deleted = listener;
  }

  /** Resolves when no key is ready or being looked after: everything that was asked for until now has had its turn. */
  async untilLookedAt(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { ready, active } = this.queue.snapshot();
      if (ready.length + active.length === 0 && this.isObserved()) return;
      await this.#init.clock.sleep(lookPollMs, signal);
    }
  }

  /** The managed part of a declared sandbox's instance as it is now; what a plan's patch applies to. */
  liveView({ desired, instance }: World): View | undefined {
    if (desired.kind !== 'declared' || !instance?.endpoint) return undefined;
    const view = desiredView(desired.manifest.sandbox, instance.endpoint, this.#init.placement);
    return normaliseView(liveView(instance, view, instance.stamp.applied));
  }

  /** A uid and the view that adopting an instance stamps on it: nothing of it was ever applied but its place. */
  async adoptionView(manifest: Manifest, signal: AbortSignal): Promise<{ uid: string; applied: View }> {
    const { reservations, bridge, placement } = this.#init;
    signal.throwIfAborted();
    const network = manifest.sandbox.network;
    const taken = this.instances.addresses();
    const { uid, endpoint } = reservations.reserve(manifest.name, { bridge, taken, network });
    const desired = desiredView(manifest.sandbox, endpoint, placement);
    reservations.release(uid);
    return { uid, applied: { ...desired, config: {}, devices: { eth0: desired.devices['eth0'] ?? {} } } };
  }

  /** Sandboxes that are declared or of which something exists. */
  names(): Set<string> {
    const names = new Set([...this.desired.manifests().keys(), ...this.desired.missing()]);
    for (const { name } of this.sandboxes.all()) names.add(name);
    for (const { owner } of this.instances.all()) if (owner.kind === 'owned') names.add(owner.stamp.name);
    return names;
  }

  async #handle({ key }: QueueItem, signal: AbortSignal): Promise<QueueResult> {
    const slash = key.indexOf('/');
    const [room, name] = [key.slice(0, slash), key.slice(slash + 1)];
    const handler = this.#handlers[room];
    if (!handler) throw new Error(`no handler for ${key}`);
    try {
      return await handler(name, signal);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      this.#init.listeners.onProblem(key, error);
      return { kind: 'failed' };
    }
  }

  async #hostKey(name: string, signal: AbortSignal): Promise<QueueResult> {
    if (name === 'instances') await this.#relist(signal);
    else if (name === 'network') await this.#reconcileNetwork(signal);
    else if (this.isObserved()) this.#init.listeners.onOrphans(await this.network.removeOrphanLinks(signal));
    return { kind: 'settled' };
  }

  async #relist(signal: AbortSignal): Promise<void> {
    const isFirst = this.instances.listedAt === undefined;
    const changed = await this.instances.relist(this.#init.clock.now(), signal);
    for (const name of changed) {
      const owner = this.instances.get(name)?.owner;
      const sandbox = owner?.kind === 'owned' ? owner.stamp.name : this.#declaredAs(name);
      if (sandbox !== undefined) this.hintSandbox(sandbox, 'event');
    }
    if (!isFirst) return;
    // Rules of instances that nobody knew until now were left alone; the sources had to wait for what they own.
    this.hintNetwork();
    for (const id of this.#sources.keys()) this.hintSource(id);
  }

  /** Until instances are listed nobody knows whose the loaded rules are, so they stay as they are. */
  async #reconcileNetwork(signal: AbortSignal): Promise<void> {
    if (this.instances.listedAt === undefined) return;
    const wasReady = this.network.isReady();
    this.#init.listeners.onNetwork(await this.network.reconcile(signal));
    if (wasReady) return;
    for (const { name, plan, world } of this.sandboxes.all()) {
      const isWaiting = plan.block?.reason === 'WaitingNetwork' || world.instance?.rules !== 'current';
      if (isWaiting) this.hintSandbox(name, 'security');
    }
  }

  async #readSource(id: string, signal: AbortSignal): Promise<QueueResult> {
    const source = this.#sources.get(id);
    // What a source no longer declares is only known once Incus has said what exists.
    if (!source || this.instances.listedAt === undefined) return { kind: 'settled' };
    const wasObserved = this.isObserved();
    const changed = this.desired.accept(source, await source.read(signal));
    const names = wasObserved ? changed : this.isObserved() ? this.names() : [];
    for (const name of names) this.hintSandbox(name, 'spec');
    return this.desired.wantsSecondRead(id) ? { kind: 'settled', afterMs: secondReadMs } : { kind: 'settled' };
  }

  async #busy(name: string, signal: AbortSignal): Promise<string | undefined> {
    const operations = await this.#init.incus.operations.running({ signal });
    return operations.find(({ instances, metadata }) => instances.includes(name) && !metadata['command'])?.description;
  }

  #transition(transition: Transition): void {
    const { name, condition } = transition;
    const tombstone = this.desired.tombstoneOf(name);
    if (condition.reason === 'Deleted' && tombstone !== undefined) this.#deleted(name, tombstone);
    if (condition.type === 'Ready' && condition.status === 'True') this.#wakeDependants(name);
    this.#init.listeners.onTransition(transition);
  }

  #wakeDependants(name: string): void {
    for (const manifest of this.desired.manifests().values()) {
      if (manifest.sandbox.dependsOn.includes(name)) this.hintSandbox(manifest.name, 'spec');
    }
  }
}
