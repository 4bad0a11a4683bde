import { Problem } from '../base/problem.ts';
import { requireNewName } from '../controller/snapshot-problems.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { withProgress } from './progress.ts';
import { findTarget, type TargetFlags } from './snapshot-target.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** Snapshots that are made in one second without being given a name. */
const mostAtOnce = 9;

/** `coi snapshot create` */
export const snapshotCreate: Verb = async ({ io, args, options }) => {
  const { stateful = false, ...flags } = options as TargetFlags & { readonly stateful?: boolean };
  const [given] = args;
  if (given !== undefined) requireNewName(given);
  await using api = await connect(io, 'write');
  await using incus = await openOwnIncus(io);
  const { name, instance } = await findTarget(io, flags, { status: await api.status(), incus });
  const request = { name, by: whoCalls(io).by, ...(stateful && { stateful }) };
  const make = (snapshot: string) => api.createSnapshot({ ...request, snapshot });
  const made = await withProgress(io, `Making a snapshot of ${instance}`, () =>
    given === undefined ? makeUnnamed(usualName(io.clock.now()), make) : make(given).then(() => given),
  );
  io.stdout.write(`Created snapshot ${made} of ${instance}\n`);
  return exitCodes.done;
};

/** @param at milliseconds since 1970 */
function usualName(at: number): string {
  const [, date, time] = /^(.*)T(.*)\./.exec(new Date(at).toISOString())!;
  return `snap-${date!.replaceAll('-', '')}-${time!.replaceAll(':', '')}`;
}

/** Several of one second are told apart by a number. */
async function makeUnnamed(usual: string, make: (snapshot: string) => Promise<void>): Promise<string> {
  for (let count = 1; ; count += 1) {
    const snapshot = count === 1 ? usual : `${usual}-${count}`;
    try {
      await make(snapshot);
      return snapshot;
    } catch (error) {
      const isTaken = error instanceof Problem && error.code === 'snapshot.taken';
      if (!isTaken || count === mostAtOnce) throw error;
    }
  }
}
