import type { LookApi, PlanReport } from '../controller/control-api.ts';
import type { ImageReport } from '../controller/image-record.ts';
import { connect } from './connect.ts';
import { planExitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { jsonText, printableReport } from './printable.ts';
import { withProgress } from './progress.ts';
import { requireManifests } from './read-manifests.ts';
import { hasChanges, isHeld, renderPlans } from './render-plan.ts';
import { compare } from './sort-status.ts';
import { painter } from './style.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi diff` */
export const diff: Verb = async ({ io, args, options }) => {
  const files = await requireManifests((options['file'] as string[] | undefined) ?? [], io.cwd);
  await using api = await connect(io, 'read');
  const plans = await plansFrom(api, io, { names: args, files });
  // Somebody who names sandboxes asks about those.
  const images = args.length + files.length > 0 ? [] : (await api.status()).images.filter(({ ready }) => !ready);
  io.stdout.write(renderAs(plans, options['format'], io));
  const { format = 'text' } = options;
  if (format === 'text') io.stdout.write(printableReport(images).map(imageLine).join(''));
  const code = planCode(plans);
  return code === planExitCodes.nothing && images.length > 0 ? planExitCodes.changes : code;
};

function imageLine({ name, reason, message }: ImageReport): string {
  return `Image ${name} (${reason}): ${message}\n`;
}

interface Asked {
  readonly names: readonly string[];
  readonly files: readonly { file: string; text: string }[];
}

/** Plans of the named sandboxes, or of all, in the order of their names. */
export async function askForPlans(io: Io, asked: Asked): Promise<readonly PlanReport[]> {
  await using api = await connect(io, 'read');
  return await plansFrom(api, io, asked);
}

async function plansFrom(api: LookApi, io: Io, { names, files }: Asked): Promise<readonly PlanReport[]> {
  const options = { ...(names.length > 0 && { names }), ...(files.length > 0 && { files, uid: whoCalls(io).uid }) };
  const plans = await withProgress(io, 'Comparing what is declared with what is there', () => api.plan(options));
  return plans.toSorted((a, b) => compare(a.name, b.name));
}

/** Exit code that tells what plans come to. */
export function planCode(plans: readonly PlanReport[]): number {
  if (plans.some(isHeld)) return planExitCodes.guard;
  return plans.some(hasChanges) ? planExitCodes.changes : planExitCodes.nothing;
}

/** Plans in one of the formats of `diff`. */
export function renderAs(plans: readonly PlanReport[], format: unknown, io: Io): string {
  if (format === 'json') return jsonText(plans);
  if (format === 'patch') return jsonText(Object.fromEntries(plans.map(({ name, patch }) => [name, patch])));
  return renderPlans(printableReport(plans), painter(io.stdout, io));
}
