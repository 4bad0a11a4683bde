import { unknownSnapshot, isPossibleName } from '../controller/snapshot-problems.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Snapshot } from '../host/incus/snapshots.ts';
import { plural } from './plural.ts';
import { printable } from './printable.ts';
import { renderTable } from './table.ts';

/** A snapshot as JSON output has it. Times are RFC 3339. */
export interface SnapshotReport {
  readonly name: string;
  readonly created_at: string;
  readonly expires_at?: string;
  readonly stateful: boolean;
  readonly description?: string;
}

export function reportSnapshot({ name, createdAt, expiresAt, stateful, description }: Snapshot): SnapshotReport {
  return {
    name,
    created_at: createdAt,
    ...(expiresAt !== undefined && { expires_at: expiresAt }),
    stateful,
    ...(description !== '' && { description }),
  };
}

/** A time as people read it, by UTC. */
export function timeText(time: string): string {
  return printable(time.slice(0, 19).replace('T', ' '));
}

export function yesOrNo(is: boolean): string {
  return is ? 'yes' : 'no';
}

/** A table of snapshots, and how many there are. */
export function renderSnapshots(snapshots: readonly Snapshot[]): string {
  const rows = snapshots.map(({ name, createdAt, stateful }) => [
    printable(name),
    timeText(createdAt),
    yesOrNo(stateful),
  ]);
  const table = rows.length === 0 ? '' : `${renderTable({ head: ['NAME', 'CREATED', 'STATEFUL'], rows })}\n`;
  return `${table}Total: ${plural(snapshots.length, 'snapshot')}\n`;
}

/** One snapshot of a container. @throws {Problem} `snapshot.unknown` */
export async function readSnapshot(
  incus: Incus,
  { instance, name }: { readonly instance: string; readonly name: string },
  signal: AbortSignal,
): Promise<Snapshot> {
  if (!isPossibleName(name)) throw unknownSnapshot(name, instance);
  try {
    return await incus.snapshots.get({ instance, snapshot: name }, { signal });
  } catch (error) {
    throw isIncusError(error, 'gone') ? unknownSnapshot(name, instance) : error;
  }
}
