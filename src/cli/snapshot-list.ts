import type { Snapshot } from '../host/incus/snapshots.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Incus } from '../host/incus/client.ts';
import { connect } from './connect.ts';
import { exitCodes } from './failure.ts';
import type { Io } from './io.ts';
import { listSnapshots } from './list-snapshots.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { ownPrefix } from './own-prefix.ts';
import { jsonText, printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { renderSnapshots, reportSnapshot } from './snapshot-report.ts';
import { containersIn, findTarget, type TargetFlags } from './snapshot-target.ts';
import type { Verb } from './verb.ts';

interface ListFlags extends TargetFlags {
  readonly all?: boolean;
  readonly format?: string;
}

/** `coi snapshot list` */
export const snapshotList: Verb = async ({ io, options }) => {
  const { all = false, format, ...flags } = options as ListFlags;
  await using api = await connect(io, 'read');
  await using incus = await openOwnIncus(io);
  const status = await api.status();
  if (all) {
    const names = containersIn(status)
      .filter(ownPrefix(io))
      .map(({ instance }) => instance);
    const found = await withProgress(io, 'Asking for the snapshots', () => snapshotsOf(incus, names, io));
    io.stdout.write(format === 'json' ? jsonText(reportAll(found)) : renderAll(found));
    return exitCodes.done;
  }
  const { instance } = await findTarget(io, flags, { status, incus });
  const snapshots = await listSnapshots(incus, instance, io.signal);
  const json = () => jsonText({ container: instance, snapshots: snapshots.map(reportSnapshot) });
  io.stdout.write(format === 'json' ? json() : renderSnapshots(snapshots));
  return exitCodes.done;
};

type Found = ReadonlyMap<string, readonly Snapshot[]>;

/** One after the other: a thousand at once would be more than Incus lets in. */
async function snapshotsOf(incus: Incus, names: readonly string[], { signal }: Io): Promise<Found> {
  const found = new Map<string, readonly Snapshot[]>();
  for (const name of names.toSorted()) {
    try {
      found.set(name, await listSnapshots(incus, name, signal));
    } catch (error) {
      // Deleted since it was asked which there are.
      if (!isIncusError(error, 'gone')) throw error;
    }
  }
  return found;
}

function reportAll(found: Found): object {
  return Object.fromEntries([...found].map(([name, snapshots]) => [name, snapshots.map(reportSnapshot)]));
}

function renderAll(found: Found): string {
  if (found.size === 0) return 'There are no containers\n';
  return [...found].map(([name, snapshots]) => `${printable(name)}:\n${renderSnapshots(snapshots)}`).join('\n');
}
