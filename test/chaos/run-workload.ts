import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../lab/until.ts';
import { untilQuiet, type Stage } from './stage.ts';
import { manifestText, type Phase, type Workload } from './workloads.ts';
import { differenceOf } from './world-state.ts';

/** What a run without any fault looked like: the world after each phase, and what there was to disturb. */
export interface Reference {
  readonly worlds: readonly (readonly string[])[];
  readonly writes: number;
  readonly reads: number;
  readonly events: number;
}

/** The file of every plan's manifests: one plan's are gone before the next one's come. */
const file = 'plan.toml';

export async function declare(stage: Stage, phase: Phase, prefix: string): Promise<void> {
  await stage.controller.write(file, manifestText(phase, prefix));
}

/** Runs a workload undisturbed. The world counts as settled when the controller says so and has been quiet for a while. */
export async function recordReference(stage: Stage, workload: Workload, prefix: string): Promise<Reference> {
  await revive(stage);
  stage.proxy.reset();
  const worlds: (readonly string[])[] = [];
  for (const phase of workload.phases) {
    await declare(stage, phase, prefix);
    await settled(stage, phase, prefix);
    worlds.push(await stage.world());
  }
  const { calls, events } = stage.proxy;
  const writes = calls.filter(({ isWrite }) => isWrite).length;
  return { worlds, writes, reads: calls.length - writes, events: events.seen };
}

async function settled(stage: Stage, phase: Phase, prefix: string): Promise<void> {
  const isOver = async () => {
    const { sandboxes } = await stage.controller.status();
    const own = sandboxes.filter(({ name }) => name.startsWith(prefix));
    return own.length === Object.keys(phase).length && own.every(({ ready }) => ready);
  };
  // A lifetime that is over ends what was Ready a moment ago.
  const isShort = Object.values(phase).some((lines) => lines.includes('lifetime.ttl = "1s"'));
  await sleep(isShort ? 1_500 : 250);
  await until('the undisturbed world to settle', isOver, { timeoutMs: 30_000 });
  await untilQuiet(stage);
  await until('the undisturbed world to settle', isOver, { timeoutMs: 30_000 });
}

/** How long the world may take, in milliseconds: a resync and half a minute. */
export const limitMs = 96_000;

/** A controller that was told nothing is asked to look, as `coi apply` does, that often. */
const kickEveryMs = 1_000;
const firstKickMs = 800;

export interface Convergence {
  readonly stage: Stage;
  readonly expected: readonly string[];
  /** Whether to leave the controller to its own timers. */
  readonly isPatient: boolean;
  readonly onStuck: () => Promise<void>;
}

/** Waits until the world is as expected. @returns the difference that is left when time is up, empty when there is none */
export async function converge({ stage, expected, isPatient, onStuck }: Convergence): Promise<string> {
  const began = performance.now();
  let kickAt = began + firstKickMs;
  let difference = 'the world could not be seen';
  while (performance.now() < began + limitMs) {
    if (!stage.controller.alive) await revive(stage);
    // While incusd is away nothing can be seen of it.
    const lines = await stage.world().catch(() => undefined);
    if (lines) difference = differenceOf(expected, lines);
    if (difference === '') return '';
    const now = performance.now();
    await onStuck();
    if (now > kickAt && !isPatient) {
      kickAt = now + kickEveryMs;
      void stage.kick();
    }
    await sleep(30);
  }
  return difference;
}

/** A controller that was killed is started again, as its service manager does, as often as that takes. */
export async function revive(stage: Stage): Promise<void> {
  const deadline = performance.now() + 40_000;
  while (!stage.controller.alive) {
    try {
      return await stage.controller.start();
    } catch (error) {
      // Killed again, or unable to start while its surroundings are disturbed.
      if (performance.now() > deadline) throw error;
      await stage.controller.stop('SIGKILL');
      await sleep(200);
    }
  }
}
