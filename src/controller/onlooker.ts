import { Reservations } from '../apply/reservations.ts';
import type { Clock } from '../base/clock.ts';
import type { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { Bridge } from '../network/policy.ts';
import { ImageAliases, imageLookup } from '../observe/images.ts';
import { InstanceCache } from '../observe/instances.ts';
import { runningOperation } from '../observe/running-operation.ts';
import { plan as planSandbox } from '../plan/plan.ts';
import type { Placement } from '../plan/render-instance.ts';
import type { OverrideStore } from '../source/overrides.ts';
import type { SourceRead } from '../source/source.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Planned } from './answer-looks.ts';
import { conditionsAsSeen, desiredAsSeen, planAsSeen } from './as-seen.ts';
import { deriveConditions } from './condition.ts';
import { DesiredState } from './desired.ts';
import { Fights } from './fights.ts';
import { knownNames } from './known-names.ts';
import { ManagedViews } from './managed-views.ts';
import { Sandboxes } from './sandboxes.ts';
import { isDenied, SeenSources, type SeenSourcesInit } from './seen-sources.ts';
import { WorldBuilder } from './world-builder.ts';

/** What somebody needs who only looks. */
export interface OnlookerInit extends Omit<SeenSourcesInit, 'ownsSomething'> {
  readonly clock: Clock;
  readonly incus: Pick<Incus, 'instances' | 'images' | 'operations' | 'snapshots'>;
  readonly bridge: Bridge;
  readonly placement: Placement;
  readonly overrides: OverrideStore;
}

/**
 * Looks at sandboxes as far as a user may who is not root: without network rules, without agents, and with whatever
 * manifests and overrides can be read. Has no hands: nothing here can change anything.
 */
export class Onlooker {
  readonly instances: InstanceCache;
  readonly desired: DesiredState;
  readonly sandboxes = new Sandboxes(() => undefined, conditionsAsSeen);
  readonly #init: OnlookerInit;
  readonly #sources: SeenSources;
  readonly #views: ManagedViews;
  readonly #worlds: WorldBuilder;
  #denied: readonly string[] = [];

  constructor(init: OnlookerInit) {
    const { clock, incus, bridge, placement, overrides } = init;
    this.#init = init;
    const reservations = new Reservations();
    this.instances = new InstanceCache(incus.instances);
    this.desired = new DesiredState(this.instances, () => clock.now());
    this.#sources = new SeenSources({ ...init, ownsSomething: (id) => this.desired.ownsSomething(id) });
    this.#views = new ManagedViews({ instances: this.instances, reservations, bridge, placement });
    this.#worlds = new WorldBuilder({
      instances: this.instances,
      reservations,
      bridge,
      overrides: overrides.of,
      desired: (name) => desiredAsSeen(this.desired.of(name)),
      now: () => clock.now(),
      agents: { state: () => ({ kind: 'unknown' }) },
      images: new ImageAliases(imageLookup(incus.images)),
      originExists: (origin, signal) => incus.snapshots.exists(origin, { signal }),
      fights: new Fights(),
      placement,
      clock,
      elements: () => undefined,
      // As for root without a controller: whoever carries the plan out puts the rules in place first.
      networkReady: () => true,
      isReady: (name) => this.#seemsReady(name),
      mayExpire: () => true,
      // Only the controller ends sessions: it sees every process.
      isAbandoned: () => false,
      busy: (name, signal) => runningOperation(incus, name, signal),
    });
  }

  /** Paths of manifests and overrides that this user may not read, as of the last look. */
  get denied(): readonly string[] {
    return this.#denied;
  }

  /** Look at everything anew. */
  async look(signal: AbortSignal): Promise<void> {
    await this.instances.relist(this.#init.clock.now(), signal);
    const { sources, denied } = await this.#sources.all(this.#stamped());
    const paths = [...denied, ...(await this.#loadOverrides())];
    for (const source of sources) {
      const read = await source.read(signal);
      paths.push(
        ...problemsOf(read)
          .filter(isDenied)
          .map(({ position }) => position?.file ?? source.path),
      );
      this.desired.accept(source, read);
    }
    this.#denied = withoutInner(paths);
    for (const name of knownNames(this)) this.sandboxes.record(await this.planned(name, signal));
  }

  /** A fresh look at one sandbox. A candidate stands in for what is declared. */
  async planned(name: string, signal: AbortSignal, candidate?: Manifest): Promise<Planned> {
    const world = await this.#worlds.fresh(name, signal, candidate);
    return {
      world,
      plan: planAsSeen(planSandbox(world), world, this.#denied),
      live: this.#views.live(world),
      network: 'unknown',
    };
  }

  /** @returns what may not be read: an override that only may be there must not be taken for one that is */
  async #loadOverrides(): Promise<string[]> {
    const { overrides } = this.#init;
    try {
      const { problems } = await overrides.load();
      return problems.filter(isDenied).map(({ position }) => position?.file ?? overrides.path);
    } catch (error) {
      if (isDenied(error)) return [overrides.path];
      throw error;
    }
  }

  *#stamped(): Iterable<string> {
    for (const { owner } of this.instances.all()) if (owner.kind === 'owned') yield owner.stamp.source;
  }

  #seemsReady(name: string): boolean {
    const record = this.sandboxes.get(name);
    return (
      record !== undefined && deriveConditions(record).some(({ type, status }) => type === 'Ready' && status === 'True')
    );
  }
}

function problemsOf(read: SourceRead): readonly Problem[] {
  if (read.kind === 'failed') return [read.problem];
  return [...(read.kind === 'partial' ? read.problems : []), ...(read.warnings ?? [])];
}

/** Each path once, and none below another one. */
function withoutInner(paths: readonly string[]): string[] {
  const all = [...new Set(paths)].sort();
  return all.filter((path) => !all.some((outer) => path.startsWith(`${outer}/`)));
}
