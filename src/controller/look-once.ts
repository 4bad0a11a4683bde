import { Problem } from '../base/problem.ts';
import { plan as planSandbox } from '../plan/plan.ts';
import type { Seen } from './answer-looks.ts';
import type { KeyedSources } from './keyed-sources.ts';
import { knownNames } from './known-names.ts';
import type { NetworkReconciler } from './reconcile-network.ts';
import type { ImageReconciler } from './reconcile-image.ts';
import type { WorldBuilder } from './world-builder.ts';

/** What looking at everything needs. */
export interface LookedAtOnce extends Seen {
  readonly network: NetworkReconciler;
  readonly sources: KeyedSources;
  readonly worlds: WorldBuilder;
  /** Only looks. */
  readonly images: ImageReconciler;
}

/**
 * Look at everything once without changing anything: what a command that only looks is told.
 *
 * @param now wall clock, milliseconds
 */
export async function lookOnce(all: LookedAtOnce, now: number, signal: AbortSignal): Promise<void> {
  const { instances, network, sources, desired, worlds, sandboxes, images } = all;
  await instances.relist(now, signal);
  await network.inspect();
  for (const source of sources.all()) desired.accept(source, await source.read(signal));
  for (const name of knownNames(all)) {
    const world = await worlds.fresh(name, signal);
    sandboxes.record({ world, plan: planSandbox(world) });
  }
  for (const name of desired.images().keys()) {
    // What is wrong with one is told with it.
    await images.reconcile(name, signal).catch(unlessProblem);
  }
}

function unlessProblem(error: unknown): void {
  if (!(error instanceof Problem)) throw error;
}
