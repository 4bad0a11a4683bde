import { resolve } from 'node:path';
import type { ManifestText } from '../controller/control-api.ts';
import { settle, type Scope } from './apply-settle.ts';
import { checkPlan } from './apply-check.ts';
import { storeFiles } from './apply-store.ts';
import { connect } from './connect.ts';
import { askForPlans, planCode, renderAs } from './diff.ts';
import { withProgress } from './progress.ts';
import { requireManifests } from './read-manifests.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';

/** Flags of `coi apply`. */
export interface ApplyOptions {
  readonly file?: readonly string[];
  readonly plan?: string;
  readonly dryRun?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
  readonly confirmDeletes?: number;
  readonly format?: string;
}

/** `coi apply` */
export const apply: Verb = async (call) => {
  const options = call.options as ApplyOptions;
  refuseNonsense(options);
  const files = await requireManifests(options.file ?? [], call.io.cwd);
  if (options.dryRun) return dryRun(call, files);
  await using api = await connect(call.io, 'write');
  const plan = options.plan === undefined ? undefined : resolve(call.io.cwd, options.plan);
  if (plan !== undefined) await checkPlan(api, call, plan);
  if (options.confirmDeletes !== undefined) await api.confirmDeletes({ count: options.confirmDeletes });
  const scope: Scope = files.length > 0 ? await storeFiles(api, call, files) : { kind: 'all' };
  await withProgress(call.io, 'Looking at every source and sandbox', () => api.reconcile());
  return settle(api, call, scope);
};

function refuseNonsense({ file, plan, dryRun: dry, wait, timeout, confirmDeletes }: ApplyOptions): void {
  const both = (a: string, b: string) =>
    new UsageProblem(`${a} and ${b} make no sense together`, 'Leave one of them out');
  if (file && plan !== undefined) throw both('--file', '--plan');
  if (dry && plan !== undefined) throw both('--dry-run', '--plan');
  if (dry && wait) throw both('--dry-run', '--wait');
  if (dry && confirmDeletes !== undefined) throw both('--dry-run', '--confirm-deletes');
  if (timeout !== undefined && !wait) {
    throw new UsageProblem(
      '--timeout says how long to wait, so it needs --wait',
      'Example: coi apply --wait --timeout 2m',
    );
  }
}

async function dryRun({ io, options }: Call, files: readonly ManifestText[]): Promise<number> {
  const plans = await askForPlans(io, { names: [], files });
  io.stdout.write(renderAs(plans, options['format'], io));
  return planCode(plans);
}
