import { readdir, readFile, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../lab/until.ts';
import { runPlan } from './run-plan.ts';
import { recordReference } from './run-workload.ts';
import { openStage, type Stage } from './stage.ts';
import { nextPrefix, workloadNamed } from './workloads.ts';

let stage: Stage;

beforeAll(async () => {
  stage = await openStage({ name: 'monitored', monitoring: true });
});

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Process numbers of what looks into the kernel for the stage's controller. */
async function tracers(): Promise<string[]> {
  const net = await readlink(stage.lab.netns);
  const found: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    // Most are gone or somebody else's by the time they are looked at.
    const [name, itsNet] = await Promise.all([
      readFile(`/proc/${pid}/comm`, 'utf8').catch(() => ''),
      readlink(`/proc/${pid}/ns/net`).catch(() => ''),
    ]);
    if (name.trim() === 'bpftrace' && itsNet === net) found.push(pid);
  }
  return found;
}

test('a controller that watches takes up where it was, and what watched for the killed one ends with it', async () => {
  const reference = await recordReference(stage, workloadNamed('life'), nextPrefix());
  const plan = { workload: 'life', index: 'w2', fault: 'crash-after', seed: 0 };
  const { problems, hasFired } = await runPlan({ stage, plan, reference, prefix: nextPrefix(), isPatient: false });
  expect({ problems, hasFired }).toEqual({ problems: [], hasFired: true });
  const name = `${nextPrefix()}watched`;
  await stage.controller.declare(name);
  await stage.controller.ready(name, 'running');
  await stage.controller.stop('SIGKILL');
  await until('nobody to look into the kernel', async () => (await tracers()).length === 0, { timeoutMs: 20_000 });
  await stage.controller.start();
  await stage.controller.ready(name, 'running');
});
