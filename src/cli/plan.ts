import { resolve } from 'node:path';
import { askForPlans, planCode, renderAs } from './diff.ts';
import { writePlanFile } from './plan-file.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Verb } from './verb.ts';

const savedInPart = 'Saved, to be read only: it lacks steps that could not be seen, so "coi apply -p" will refuse it\n';

/** `coi plan` */
export const plan: Verb = async ({ io, args: names, options }) => {
  const file = options['output'];
  if (typeof file !== 'string') {
    throw new UsageProblem('plan needs the file to save the plan in', 'Example: coi plan -o plan.json');
  }
  const plans = await askForPlans(io, { names, files: [] });
  await writePlanFile(resolve(io.cwd, file), { names, plans, now: io.clock.now() });
  io.stdout.write(renderAs(plans, options['format'], io));
  const isUnseen = plans.some(({ block }) => block?.reason === 'Unseen');
  io.stderr.write(isUnseen ? savedInPart : `Saved. To carry it out: coi apply -p ${printable(file)}\n`);
  return planCode(plans);
};
