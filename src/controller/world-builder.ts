import { isDeepStrictEqual } from 'node:util';
import type { Agents } from '../apply/agents.ts';
import type { Reservations } from '../apply/reservations.ts';
import type { Clock } from '../base/clock.ts';
import { elementsOf, type Elements } from '../network/elements.ts';
import type { Bridge, NetworkPolicy } from '../network/policy.ts';
import type { ImageAliases } from '../observe/images.ts';
import type { InstanceCache, SeenInstance } from '../observe/instances.ts';
import { endpointOf, hasLostPower, powerOf } from '../observe/owned.ts';
import type { WorkspaceTrees } from '../host/mount/workspace-trees.ts';
import type { InsideMounts } from '../observe/inside-mounts.ts';
import { inspectDirectories, type WorkspaceFault } from '../observe/workspace.ts';
import type { Protection } from '../plan/protection.ts';
import type { Placement } from '../plan/render-instance.ts';
import { scheduledState, type ScheduleCache } from '../plan/schedule.ts';
import { strayEra, tombstoneName } from '../plan/stamp.ts';
import type { Desired, OwnedInstance, World } from '../plan/world.ts';
import type { Manifest, Origin } from '../spec/sandbox.ts';
import type { Fights } from './fights.ts';
import { watchedFlows, watchOf } from '../plan/watched-flows.ts';
import { policyOf, type PolicyInputs } from './policies.ts';

/** Where a world is put together from. */
export interface WorldSources extends PolicyInputs {
  readonly instances: InstanceCache;
  readonly reservations: Reservations;
  readonly agents: Pick<Agents, 'state'>;
  readonly images: ImageAliases;
  /** How far the build of a declared image is; undefined where nobody builds it. */
  readonly imageComing?: (alias: string) => string | undefined;
  /** Whether what a copy is made from is there. */
  readonly originExists: (origin: Origin, signal: AbortSignal) => Promise<boolean>;
  readonly fights: Fights;
  readonly placement: Placement;
  /** Trees of mounts, and what shows of them inside; absent for who may not see them. */
  readonly covers?: Covers;
  readonly clock: Clock;
  /** What the tables hold, as last known; undefined when that is not known. */
  readonly elements: () => Elements | undefined;
  readonly networkReady: () => boolean;
  readonly isReady: (sandbox: string) => boolean;
  readonly mayExpire: () => boolean;
  /** Whether the process that a session is for has ended. */
  readonly isAbandoned: (manifest: Manifest) => boolean;
  /** Text of the Incus operation that runs on an instance. */
  readonly busy: (instance: string, signal: AbortSignal) => Promise<string | undefined>;
}

/** What covers protected paths. */
export interface Covers {
  readonly trees: Pick<WorkspaceTrees, 'state' | 'layers' | 'look'>;
  readonly inside: InsideMounts;
}

/** What only a fresh look tells; a sweep over many sandboxes does without. */
interface Details {
  readonly workspace: WorkspaceFault | undefined;
  readonly imageExists: boolean | undefined;
  readonly originExists?: boolean | undefined;
  readonly busy: string | undefined;
  readonly uncovered: readonly string[];
}

const noDetails: Details = { workspace: undefined, imageExists: undefined, busy: undefined, uncovered: [] };

/** Puts everything that planning looks at together, for one sandbox at one moment. */
export class WorldBuilder {
  readonly #from: WorldSources;
  readonly #schedules: ScheduleCache = new Map();

  constructor(from: WorldSources) {
    this.#from = from;
  }

  /** From what is known already: enough to see that there is nothing to do. */
  cached(sandbox: string): World {
    return this.#build(sandbox, this.#from.desired(sandbox), noDetails);
  }

  /** Whether something happened to one of its instances since they were last looked at. */
  isDoubted(sandbox: string): boolean {
    const { instances, desired } = this.#from;
    const wish = desired(sandbox);
    if (wish.kind === 'declared' && instances.isDoubted(wish.manifest.instance)) return true;
    const owned = instances.ofSandbox(sandbox);
    return owned.some((seen) => instances.isDoubted(seen.instance.name) || this.#isUnknownInside(seen));
  }

  /** After asking Incus and the host about this sandbox: enough to act on. A candidate stands in for what is declared. */
  async fresh(sandbox: string, signal: AbortSignal, candidate?: Manifest): Promise<World> {
    const { instances, reservations } = this.#from;
    const wishNow = (): Desired =>
      candidate ? { kind: 'declared', manifest: candidate, sourceComplete: true } : this.#from.desired(sandbox);
    const wish = wishNow();
    const names = new Set(instances.ofSandbox(sandbox).map(({ instance }) => instance.name));
    if (wish.kind === 'declared') names.add(wish.manifest.instance);
    const begun = reservations.begun(sandbox);
    // What was declared a moment ago may exist, though it is wanted no more and no event has told of it yet.
    if (begun !== undefined) names.add(begun);
    await Promise.all([...names].map((name) => instances.refresh(name, signal)));
    const details = await this.#details(sandbox, wish, signal);
    return this.#build(sandbox, wishNow(), details);
  }

  async #details(sandbox: string, wish: Desired, signal: AbortSignal): Promise<Details> {
    const owned = this.#from.instances.ofSandbox(sandbox);
    const busy = await this.#busy(owned, signal);
    if (wish.kind !== 'declared') return { ...noDetails, busy };
    const uncovered = await this.#uncovered(owned, signal);
    return { busy, uncovered, ...(await this.#needs(wish.manifest, owned, signal)) };
  }

  /** Asked only where an operation may be what explains the state. */
  async #busy(owned: readonly SeenInstance[], signal: AbortSignal): Promise<string | undefined> {
    const doubtful = owned.find(
      ({ instance, owner }) =>
        instance.state === 'changing' ||
        isStray({ instance, owner }) ||
        // Incus holds what runs still while it copies its files, where the storage driver cannot do that at one moment.
        instance.state === 'frozen' ||
        (owner.kind === 'owned' && (owner.isTombstone || owner.stamp.intent?.kind === 'create')),
    );
    return doubtful && (doubtful.instance.state !== 'running' || isStray(doubtful))
      ? this.#from.busy(doubtful.instance.name, signal)
      : undefined;
  }

  /** A controller that just began knows nothing of what happened before. */
  #isUnknownInside({ instance, owner }: SeenInstance): boolean {
    const { covers } = this.#from;
    if (!covers || owner.kind !== 'owned' || !isUp(instance.state)) return false;
    const { uid } = owner.stamp;
    return covers.trees.layers(uid).length > 0 && !covers.inside.hasLooked({ uid, startedAt: instance.lastUsedAt });
  }

  async #uncovered(owned: readonly SeenInstance[], signal: AbortSignal): Promise<readonly string[]> {
    const { covers } = this.#from;
    const live = owned.find((seen) => !isTombstone(seen));
    if (!covers || live?.owner.kind !== 'owned' || !isUp(live.instance.state)) return [];
    const { uid } = live.owner.stamp;
    await covers.trees.look();
    const layers = covers.trees.layers(uid);
    const { name, lastUsedAt, devices } = live.instance;
    const workspace = devices['workspace']?.['path'];
    if (layers.length === 0 || workspace === undefined) return [];
    return covers.inside.uncovered({ uid, instance: name, startedAt: lastUsedAt, workspace, layers }, signal);
  }

  /** What creating or starting takes for granted. */
  async #needs(wanted: Manifest, owned: readonly SeenInstance[], signal: AbortSignal) {
    const { sandbox } = wanted;
    const live = owned.find(({ owner }) => owner.kind === 'owned' && !owner.isTombstone);
    const [owner] = live ? [live.owner] : [];
    const sameImage = owner?.kind === 'owned' && owner.stamp.applied?.image === sandbox.image;
    const workspace = live && isUp(live.instance.state) ? undefined : await inspectDirectories(sandbox);
    if (sandbox.origin)
      return { workspace, imageExists: undefined, originExists: await this.#hasOrigin(wanted, owner, signal) };
    const imageExists = sameImage ? undefined : await this.#from.images.exists(sandbox.image, signal);
    return { workspace, imageExists };
  }

  /** Asked only where it may have to be made. */
  async #hasOrigin(
    { sandbox: { origin, policy }, hash }: Manifest,
    owner: SeenInstance['owner'] | undefined,
    signal: AbortSignal,
  ): Promise<boolean | undefined> {
    const isMade = owner?.kind === 'owned' && owner.stamp.hash === hash && !owner.stamp.intent;
    if (!origin || (isMade && policy.allow !== 'recreate')) return undefined;
    return this.#from.originExists(origin, signal);
  }

  #build(sandbox: string, desired: Desired, details: Details): World {
    const { from, now } = { from: this.#from, now: this.#from.clock.now() };
    const owned = from.instances.ofSandbox(sandbox);
    const convert = (seen: SeenInstance) => this.#owned(seen, desired, details.busy);
    const manifest = desired.kind === 'declared' ? desired.manifest : undefined;
    return {
      name: sandbox,
      desired,
      instance: owned.filter((seen) => !isTombstone(seen)).map(convert)[0],
      tombstone: owned.filter(isTombstone).map(convert)[0],
      nameTaken: manifest && this.#nameTaken(manifest),
      reservation: manifest ? this.#reservation(manifest) : from.reservations.of(sandbox),
      networkReady: from.networkReady(),
      workspace: details.workspace,
      protection: this.#protection(owned, details),
      imageExists: details.imageExists,
      imageComing: manifest && details.imageExists === false ? from.imageComing?.(manifest.sandbox.image) : undefined,
      originExists: details.originExists,
      overrides: from.overrides(sandbox),
      dependencies: (manifest?.sandbox.dependsOn ?? []).map((name) => ({ name, ready: from.isReady(name) })),
      scheduled: manifest?.sandbox.schedule && scheduledState(manifest.sandbox.schedule, now, this.#schedules),
      agent: this.#agent(owned),
      isAbandoned: manifest !== undefined && from.isAbandoned(manifest),
      placement: from.placement,
      mayExpire: from.mayExpire(),
      fighting: from.fights.fighting(sandbox, from.clock.monotonic()),
      now,
    };
  }

  #protection(owned: readonly SeenInstance[], { uncovered }: Details): Protection | undefined {
    const live = owned.find((seen) => !isTombstone(seen));
    if (!this.#from.covers || live?.owner.kind !== 'owned') return undefined;
    const state = this.#from.covers.trees.state(live.owner.stamp.uid);
    return state ? { ...state, uncovered } : { isMounted: false, uncovered: [], replaced: [], faults: [] };
  }

  #agent(owned: readonly SeenInstance[]): World['agent'] {
    const live = owned.find((seen) => !isTombstone(seen));
    return live?.owner.kind === 'owned' ? this.#from.agents.state(live.owner.stamp.uid) : { kind: 'absent' };
  }

  /** Only with the rules of its policy loaded: an instance must not be created on addresses that no rule knows. */
  #reservation({ name, sandbox }: Manifest): World['reservation'] {
    const { reservations, elements, bridge } = this.#from;
    const reserved = reservations.of(name);
    if (!reserved || !isDeepStrictEqual(reserved.network, sandbox.network)) return undefined;
    const { network, ...place } = reserved;
    const watch = watchedFlows(sandbox);
    if (place.watched !== watch.watched) return undefined;
    const policy = { ...place, rules: network };
    return rulesState(policy, { loaded: elements(), bridge }) === 'current' ? reserved : undefined;
  }

  #nameTaken({ instance: name, name: sandbox }: Manifest): string | undefined {
    const seen = this.#from.instances.get(name);
    if (!seen || (seen.owner.kind === 'owned' && seen.owner.stamp.name === sandbox)) return undefined;
    const why = seen.owner.kind === 'unmanaged' ? seen.owner.why : 'it belongs to somebody else';
    return `An instance named "${name}" exists already, and ${why}`;
  }

  #owned(seen: SeenInstance, desired: Desired, busy: string | undefined): OwnedInstance {
    const { instance, owner } = seen;
    if (owner.kind !== 'owned') throw new Error(`instance ${instance.name} is not owned`);
    const { stamp } = owner;
    const era = owner.isTombstone ? undefined : strayEra(instance.config, stamp);
    const policy = policyOf({ ...this.#from, desired: () => desired }, seen);
    return {
      name: instance.name,
      power: powerOf(instance.state),
      // What was about to be done when the snapshot was made is not about to be done now.
      stamp: era === undefined ? stamp : { ...stamp, intent: undefined },
      endpoint: endpointOf(stamp, this.#from.bridge),
      createdAt: Date.parse(instance.createdAt),
      startedAt: startOf(instance),
      createdHere: this.#from.reservations.wasCreated(stamp.uid),
      // A restore brings back the power of that time, too.
      lostPower: hasLostPower(instance) && era === undefined,
      ...(era !== undefined && { strayEra: era }),
      busy,
      rules: rulesState(policy, { loaded: this.#from.elements(), bridge: this.#from.bridge }),
      ...watchOf(policy ?? {}),
      profiles: instance.profiles,
      config: instance.config,
      devices: instance.devices,
    };
  }
}

/** Whether it was put back to a snapshot, and its stamp with it. */
function isStray({ instance, owner }: Pick<SeenInstance, 'instance' | 'owner'>): boolean {
  return owner.kind === 'owned' && !owner.isTombstone && strayEra(instance.config, owner.stamp) !== undefined;
}

function isUp(state: SeenInstance['instance']['state']): boolean {
  return state === 'running' || state === 'frozen';
}

/** Incus writes a year before 1971 for what never ran. */
function startOf({ lastUsedAt }: SeenInstance['instance']): number | undefined {
  const at = Date.parse(lastUsedAt);
  return at > 0 ? at : undefined;
}

function isTombstone({ instance, owner }: SeenInstance): boolean {
  return owner.kind === 'owned' && instance.name === tombstoneName(owner.stamp.uid);
}

/** Whether every element of a policy is loaded as it should be. */
function rulesState(
  policy: NetworkPolicy | undefined,
  { loaded, bridge }: { loaded: Elements | undefined; bridge: Bridge },
): OwnedInstance['rules'] {
  if (!loaded) return 'unknown';
  if (!policy) return 'current';
  const isLoaded = elementsOf(policy, bridge).every(({ set, key, uid, value }) => {
    const element = loaded.get(set)?.get(key);
    return element !== undefined && element.uid === uid && element.value === value;
  });
  return isLoaded ? 'current' : 'drifted';
}
