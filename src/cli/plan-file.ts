import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { messageOf, Problem } from '../base/problem.ts';
import type { PlanReport } from '../controller/control-api.ts';
import { timeText } from '../controller/report.ts';
import { jsonText } from './printable.ts';

const planFileSchema = z.object({
  apiVersion: z.literal('coi/plan-v1'),
  /** The sandboxes that were asked for; absent when it was all of them. */
  names: z.array(z.string()).optional(),
  plans: z.array(z.object({ name: z.string(), fingerprint: z.string() })),
});

/** A saved plan, as far as carrying it out needs it. */
export type SavedPlan = z.infer<typeof planFileSchema>;

/**
 * Save plans, readable by this user alone.
 *
 * @throws {Problem} `cli.unwritable`
 */
export async function writePlanFile(
  path: string,
  plan: { readonly names: readonly string[]; readonly plans: readonly PlanReport[]; readonly now: number },
): Promise<void> {
  const { names, plans, now } = plan;
  const content = { apiVersion: 'coi/plan-v1', created_at: timeText(now), ...(names.length > 0 && { names }), plans };
  try {
    await writeFileAtomically(path, jsonText(content));
  } catch (cause) {
    throw new Problem({
      code: 'cli.unwritable',
      message: `Cannot write "${path}": ${messageOf(cause)}`,
      hint: 'Choose another place',
      cause,
    });
  }
}

/** @throws {Problem} `cli.plan-file` when the file is none that `coi plan` wrote */
export async function readPlanFile(path: string): Promise<SavedPlan> {
  try {
    return planFileSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === undefined ? 'it is no saved plan' : messageOf(cause);
    throw new Problem({
      code: 'cli.plan-file',
      message: `Cannot use "${path}": ${why}`,
      hint: 'Make one with: coi plan -o FILE',
      cause,
    });
  }
}
