import { buildEnvironment, registryName } from './build-environment.ts';
import type { BuildLog } from './build-log.ts';
import type { BuildTools, StageReport } from './build-tools.ts';
import { checkExpectations } from './check-expectations.ts';
import type { BuildStep, Definition } from './definition.ts';
import { generalise } from './generalise.ts';
import type { Guest } from './guest.ts';
import { fixNames, type NameFix } from './name-servers.ts';
import { runStep } from './run-step.ts';
import { keepStage } from './stages.ts';
import { untilReady } from './until-ready.ts';

/** A build from some stage on. */
export interface StagesInit {
  readonly definition: Definition;
  /** Of all its steps. */
  readonly hashes: readonly string[];
  /** How many stages are in the container already. */
  readonly kept: number;
  /** Whether stages are kept for later builds. */
  readonly isKeeping: boolean;
  readonly log: BuildLog;
}

/** Carry out in a running build container what is left of a definition, see that it is as expected, and make it general. */
export async function buildStages(tools: BuildTools, instance: string, init: StagesInit): Promise<StageReport[]> {
  const { definition, kept, log } = init;
  const { steps, expectations } = definition;
  const guest = { incus: tools.incus, instance, clock: tools.clock, signal: tools.signal };
  const cached = steps.slice(0, kept).map(({ name }) => ({ name, cached: true, seconds: 0 }));
  for (const [at, { name }] of cached.entries())
    tools.say(`[${at + 1}/${steps.length}] ${name}: kept from an earlier build`);
  const built: StageReport[] = [];
  await tools.during('Waiting until the container has come up', () => untilReady(guest, tools.clock));
  // Also where all stages are kept: servers that stand in are in none of them, and checks look up names, too.
  const { names, environment } = await prepare(tools, guest);
  for (const at of steps.keys()) if (at >= kept) built.push(await buildStage({ tools, guest, init }, at, environment));
  if (expectations.length > 0) {
    const checking = () => checkExpectations(guest, expectations, log);
    built.push((await timed(tools, { name: 'check', title: 'check' }, checking)).report);
  }
  await names?.end();
  await generalise(guest);
  return [...cached, ...built];
}

interface Prepared {
  readonly environment: Readonly<Record<string, string>>;
  readonly names: NameFix | undefined;
}

async function prepare({ clock, say, registries }: BuildTools, guest: Guest): Promise<Prepared> {
  const call = await registries();
  const [environment, name] = await Promise.all([buildEnvironment(guest, { call, say }), registryName(call)]);
  if (name === undefined) say('This host gets packages from no name, so nobody looks whether names resolve inside');
  return { environment, names: name === undefined ? undefined : await fixNames({ guest, name, clock, say }) };
}

interface Stage {
  readonly tools: BuildTools;
  readonly guest: Guest;
  readonly init: StagesInit;
}

async function buildStage(
  { tools, guest, init }: Stage,
  at: number,
  environment: Prepared['environment'],
): Promise<StageReport> {
  const { definition, hashes, isKeeping, log } = init;
  const step: BuildStep = definition.steps[at]!;
  const { name } = step;
  const title = `[${at + 1}/${definition.steps.length}] ${name}`;
  const { report } = await timed(tools, { name, title }, async () => {
    await runStep(guest, { step, environment, log });
    if (isKeeping) await keepStage({ incus: tools.incus, instance: guest.instance }, hashes[at]!, tools.signal);
  });
  return report;
}

/** Do something, and say how long it took. */
export async function timed<T>(
  { clock, during, say }: BuildTools,
  { name, title }: { readonly name: string; readonly title: string },
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly report: StageReport }> {
  const began = clock.monotonic();
  const value = await during(title, work);
  const seconds = Math.round((clock.monotonic() - began) / 100) / 10;
  say(`${title}: ${seconds} s`);
  return { value, report: { name, cached: false, seconds } };
}
