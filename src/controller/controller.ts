import type { AgentRecipes } from '../apply/agent-recipe.ts';
import type { Agents } from '../apply/agents.ts';
import { FittingImages } from '../apply/fit-user.ts';
import type { Hands } from '../apply/hands.ts';
import type { Reservations } from '../apply/reservations.ts';
import type { SessionKeeper } from '../apply/session-keeper.ts';
import { reconcileBackoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { NameService } from '../host/dns/name-service.ts';
import type { Firewall } from '../host/firewall/firewall.ts';
import { ProcessWatch } from '../host/process/process-watch.ts';
import type { Bridge } from '../network/policy.ts';
import type { WorkspaceTrees } from '../host/mount/workspace-trees.ts';
import { ImageAliases, imageLookup } from '../observe/images.ts';
import { InsideMounts } from '../observe/inside-mounts.ts';
import { InstanceCache } from '../observe/instances.ts';
import { runningOperation } from '../observe/running-operation.ts';
import type { Override } from '../plan/override.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Placement } from '../plan/render-instance.ts';
import { DesiredState } from './desired.ts';
import { ExpiryLimit } from './expiry-limit.ts';
import { Fights } from './fights.ts';
import { HostKeys } from './host-keys.ts';
import { hintFrom, instancesKey, networkKey, sandboxKey, sourceKey } from './hints.ts';
import type { ImageBuilder } from './image-builder.ts';
import type { Journal } from './journal.ts';
import { KeyedSources } from './keyed-sources.ts';
import { Leases } from './leases.ts';
import { ManagedViews } from './managed-views.ts';
import type { PolicyInputs } from './policies.ts';
import { WorkQueue, type Priority, type QueueItem, type QueueResult } from './queue.ts';
import { ImageReconciler, type ImageListeners } from './reconcile-image.ts';
import { NetworkReconciler, type NetworkRepair } from './reconcile-network.ts';
import { SandboxReconciler } from './reconcile-sandbox.ts';
import { resyncForEver } from './resync.ts';
import { Sandboxes, type Transition } from './sandboxes.ts';
import { runWorkers } from './workers.ts';
import { WorldBuilder } from './world-builder.ts';

/** How often to see whether the queue has run dry, in milliseconds. */
const lookPollMs = 20;

/** Rules of instances that vanished are looked for together, and after those of our own deletions are removed. */
const vanishedDelayMs = 1_000;

/** What is told to whoever wants to know: metrics, log, notifications. */
export interface Listeners extends ImageListeners {
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
  readonly recipes: AgentRecipes;
  readonly sessions: SessionKeeper;
  readonly journal: Journal;
  readonly workers: number;
  readonly overrides: (sandbox: string) => readonly Override[];
  readonly setOverride: (sandbox: string, override: Override) => Promise<void>;
  readonly listeners: Listeners;
  readonly images: ImageBuilder;
  /** Whether declared images are built, too, and not only looked at. */
  readonly buildsImages: boolean;
  /** Takes away what another firewall backend has left; called once, after the first load. */
  readonly removeOtherFirewalls: () => Promise<void>;
  /** Ends everything when it aborts. */
  readonly lifetime: AbortSignal;
  readonly random?: () => number;
}

/** Doors to the kernel that a controller is made with. */
export interface Doors {
  readonly firewall: Firewall;
  readonly names: NameService;
  readonly trees: WorkspaceTrees;
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
  readonly sources: KeyedSources;
  readonly host: HostKeys;
  readonly images: ImageReconciler;
  readonly views: ManagedViews;
  readonly hands: Hands;
  readonly firewall: Firewall;
  /** What decides the policy of each sandbox. */
  readonly policies: PolicyInputs;
  readonly #init: ControllerInit;
  readonly #images: ImageAliases;
  readonly #expiries = new ExpiryLimit();
  #deleted: (sandbox: string, source: string) => void = () => undefined;
  #looked: (key: string) => void = () => undefined;
  #expired: (manifest: Manifest) => Promise<boolean> = async () => false;
  readonly #handlers: Record<string, (name: string, signal: AbortSignal) => Promise<QueueResult>>;

  constructor(init: ControllerInit, { firewall, names, trees }: Doors) {
    this.#init = init;
    const { clock, incus, journal, reservations, agents, bridge, placement } = init;
    this.queue = new WorkQueue({ clock, backoff: reconcileBackoff, ...(init.random && { random: init.random }) });
    this.instances = new InstanceCache(incus.instances, () => {
      this.queue.add(networkKey, { priority: 'event', afterMs: vanishedDelayMs });
    });
    this.desired = new DesiredState(this.instances, () => clock.now());
    this.#images = new ImageAliases(imageLookup(incus.images));
    this.sandboxes = new Sandboxes((transition) => this.#transition(transition));
    const seen = { instances: this.instances, desired: this.desired, sandboxes: this.sandboxes, queue: this.queue };
    this.sources = new KeyedSources(seen);
    this.firewall = firewall;
    this.policies = this.#policyInputs();
    this.network = new NetworkReconciler({ ...init, ...this.policies, firewall, names });
    this.host = new HostKeys({
      ...seen,
      clock,
      sources: this.sources,
      network: this.network,
      listeners: init.listeners,
    });
    this.images = new ImageReconciler({ ...seen, ...init, builder: init.images, looksOnly: !init.buildsImages });
    this.views = new ManagedViews({ instances: this.instances, reservations, bridge, placement });
    const processes = new ProcessWatch(clock, init.lifetime);
    const lookAgain = (name: string) => this.queue.add(sandboxKey(name), { priority: 'event' });
    this.worlds = new WorldBuilder({
      ...this.policies,
      agents,
      images: this.#images,
      imageComing: (alias) => this.images.coming(alias),
      originExists: (origin, signal) => incus.snapshots.exists(origin, { signal }),
      fights: this.fights,
      placement,
      covers: { trees, inside: insideMounts(incus) },
      clock,
      elements: () => firewall.loaded()?.elements,
      networkReady: () => this.network.isGiven(),
      isReady: (name) => this.sandboxes.isReady(name),
      mayExpire: () => this.#expiries.hasRoom(clock.monotonic()),
      isAbandoned: new Leases({ processes, lookAgain }).isOver,
      busy: (name, signal) => runningOperation(incus, name, signal),
    });
    this.hands = this.#hands({ firewall, names, trees, processes, lookAgain });
    const reconciler = new SandboxReconciler({
      worlds: this.worlds,
      sandboxes: this.sandboxes,
      hands: this.hands,
      fights: this.fights,
      journal,
      isObserved: () => this.sources.isObserved(),
      hasFailed: (name) => this.queue.failures(sandboxKey(name)) > 0,
    });
    this.#handlers = {
      sandbox: (name, signal) => reconciler.reconcile(name, signal),
      source: (id, signal) => this.sources.read(id, signal),
      host: (name, signal) => this.host.look(name, signal),
      image: (name, signal) => this.images.reconcile(name, signal),
    };
  }

  #policyInputs(): PolicyInputs {
    const { clock, reservations, bridge, overrides } = this.#init;
    const { instances, desired } = this;
    return {
      elements: () => this.firewall.loaded()?.elements,
      instances,
      reservations,
      bridge,
      overrides,
      desired: (name: string) => desired.of(name),
      now: () => clock.now(),
    };
  }

  #hands(own: Pick<Hands, 'firewall' | 'names' | 'trees' | 'processes' | 'lookAgain'>): Hands {
    const { incus, reservations, agents, recipes, sessions, bridge, clock, lifetime } = this.#init;
    return {
      ...own,
      incus,
      instances: this.instances,
      reservations,
      agents,
      recipes,
      sessions,
      fittingImages: new FittingImages(),
      bridge,
      clock,
      lifetime,
      setOverride: async (name, override) => {
        const manifest = override.kind === 'expired' ? this.desired.manifests().get(name) : undefined;
        if (!manifest || !(await this.#expired(manifest))) await this.#init.setOverride(name, override);
        if (override.kind === 'expired') this.#expiries.record(clock.monotonic());
      },
    };
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
          desired: this.desired,
          project: this.#init.project,
        },
        notice,
      ),
    );
    incus.events.start();
    this.queue.add(instancesKey, { priority: 'security' });
    this.queue.add(networkKey, { priority: 'security' });
    for (const { id } of this.sources.all()) this.queue.add(sourceKey(id), { priority: 'command' });
    const handle = (item: QueueItem, signal: AbortSignal) => this.#handle(item, signal);
    const resync = resyncForEver(this, this.#init, lifetime);
    const onDone: Listeners['onDone'] = (item, result, workedMs) => {
      listeners.onDone(item, result, workedMs);
      this.#looked(item.key);
    };
    await runWorkers({ queue: this.queue, count, handle, journal, onDone, clock: this.#init.clock }, lifetime);
    await Promise.all([resync, this.images.ended()]);
  }

  /** What covers the workspace of an instance is not as it was. */
  hintInstance(uid: string): void {
    const owner = [...this.instances.all()].find(
      ({ owner: each }) => each.kind === 'owned' && each.stamp.uid === uid,
    )?.owner;
    if (owner?.kind === 'owned') this.hintSandbox(owner.stamp.name, 'security');
  }

  /** An override was set or lifted. */
  hintSandbox(name: string, priority: Priority = 'command'): void {
    this.queue.add(sandboxKey(name), { priority });
  }

  /** Be told when nothing is left of a sandbox that a source wants deleted by command. */
  onDeleted(listener: (sandbox: string, source: string) => void): void {
    this.#deleted = listener;
  }

  /** Be told whenever a key was looked after. */
  onLooked(listener: (key: string) => void): void {
    this.#looked = listener;
  }

  /** Be asked to remember that a sandbox is over; false leaves it to an override. */
  onExpired(listener: (manifest: Manifest) => Promise<boolean>): void {
    this.#expired = listener;
  }

  /** Resolves when no key is ready or being looked after: everything that was asked for until now has had its turn. */
  async untilLookedAt(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { ready, active } = this.queue.snapshot();
      if (ready.length + active.length === 0 && this.sources.isObserved()) return;
      await this.#init.clock.sleep(lookPollMs, signal);
    }
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

function insideMounts({ instances }: Incus): InsideMounts {
  return new InsideMounts(async (name, signal) => (await instances.state(name, { signal })).pid);
}
