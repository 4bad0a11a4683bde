import { confirm } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes, reportFailure } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { plural } from './plural.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { isYes } from './snapshot-restore.ts';
import { findTarget, type TargetFlags } from './snapshot-target.ts';
import { listSnapshots } from './list-snapshots.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';
import { whoCalls } from './who.ts';

interface DeleteFlags extends TargetFlags {
  readonly all?: boolean;
  readonly force?: boolean;
}

/** `coi snapshot delete` */
export const snapshotDelete: Verb = async (call) => {
  const { io, args } = call;
  const { all = false } = call.options as DeleteFlags;
  if (all !== args.length > 0) return deleteThem(call);
  const text = all ? 'snapshot delete takes either a name or --all' : 'snapshot delete needs a NAME, or --all';
  const usage = new UsageProblem(text, 'Example: coi snapshot delete before-upgrade');
  return reportFailure(usage, io, { usage: exitCodes.usage });
};

async function deleteThem({ io, args, options }: Call): Promise<number> {
  const { all = false, force = false, ...flags } = options as DeleteFlags;
  await using api = await connect(io, 'write');
  await using incus = await openOwnIncus(io);
  const { name, instance } = await findTarget(io, flags, { status: await api.status(), incus });
  const listed = all ? await listSnapshots(incus, instance, io.signal) : [];
  const names = all ? listed.map((snapshot) => snapshot.name) : args;
  const question = `Delete ${plural(names.length, 'snapshot')} of ${instance}: ${names.map(printable).join(', ')}?`;
  if (all && !force && names.length > 0 && !(await confirm(io, question, isYes))) {
    io.stderr.write('Cancelled\n');
    return exitCodes.done;
  }
  const { by } = whoCalls(io);
  for (const snapshot of names) {
    const text = printable(snapshot);
    await withProgress(io, `Deleting ${text}`, () => api.deleteSnapshot({ name, snapshot, by }));
    io.stdout.write(`Deleted snapshot ${text} of ${instance}\n`);
  }
  if (names.length === 0) io.stdout.write(`There are no snapshots of ${instance}\n`);
  return exitCodes.done;
}
