import { resolve } from 'node:path';
import { askForPlans, planCode, renderAs } from './diff.ts';
import { writePlanFile } from './plan-file.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

/** `coi plan` */
export const plan: Verb = async ({ io, args: names, options }) => {
  const file = options['output'];
  if (typeof file !== 'string') {
    throw new UsageProblem('plan needs the file to save the plan in', 'Example: coi plan -o plan.json');
  }
  const plans = await askForPlans(io, { names, files: [] });
  await writePlanFile(resolve(io.cwd, file), { names, plans, now: io.clock.now() });
  io.stdout.write(renderAs(plans, options['format'], io));
  io.stderr.write(`Saved. To carry it out: coi apply -p ${printable(file)}\n`);
  return planCode(plans);
};
