import { Problem } from '../base/problem.ts';
import type { SandboxReport } from '../controller/report.ts';
import { notStopped } from '../controller/snapshot-problems.ts';
import type { Snapshot } from '../host/incus/snapshots.ts';
import { confirm } from './confirm.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { readSnapshot, timeText } from './snapshot-report.ts';
import { findTarget, type TargetFlags } from './snapshot-target.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

interface RestoreFlags extends TargetFlags {
  readonly force?: boolean;
  readonly stateful?: boolean;
}

/** `coi snapshot restore` */
export const snapshotRestore: Verb = async ({ io, args, options }) => {
  const { force = false, stateful = false, ...flags } = options as RestoreFlags;
  await using api = await connect(io, 'write');
  await using incus = await openOwnIncus(io);
  const found = await findTarget(io, flags, { status: await api.status(), incus });
  const { name, instance } = found;
  const snapshot = await readSnapshot(incus, { instance, name: args[0]! }, io.signal);
  if (stateful) throw withoutState(snapshot);
  requireStopped(found);
  const [text, since] = [printable(snapshot.name), timeText(snapshot.createdAt)];
  const question = `Put ${instance} back to ${text}? What has changed on its disk since ${since} is lost.`;
  if (!force && !(await confirm(io, question, isYes))) {
    io.stderr.write('Cancelled\n');
    return exitCodes.done;
  }
  const request = { name, snapshot: snapshot.name, by: whoCalls(io).by };
  await withProgress(io, `Restoring ${instance}`, () => api.restoreSnapshot(request));
  io.stdout.write(`Restored ${instance} to snapshot ${text}\n`);
  return exitCodes.done;
};

/** What counts as a yes to questions about snapshots. */
export const isYes = /^y(?:es)?$/i;

function requireStopped({ instance, name, state, file, line }: SandboxReport): void {
  if (state === 'stopped') return;
  const place = file === undefined ? undefined : { file, ...(line !== undefined && { line }) };
  throw notStopped({ instance, name, state, place });
}

function withoutState({ name, stateful }: Snapshot): Problem {
  const message = stateful
    ? 'what ran cannot be brought back: a container of coi starts with its network rules in place, not by Incus'
    : `snapshot "${printable(name)}" was made without what ran`;
  return new Problem({
    code: 'snapshot.stateful',
    message,
    hint: 'Leave out --stateful: then its disk is put back',
  });
}
