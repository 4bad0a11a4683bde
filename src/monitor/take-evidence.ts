import type { Clock } from '../base/clock.ts';
import { openDeadline } from '../base/deadline.ts';
import { messageOf } from '../base/problem.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { HostProcess } from '../host/process/container-process.ts';
import { readConnections } from '../host/process/connections.ts';
import type { ProcessSummary, SensorEvent } from './event.ts';
import type { Evidence } from './evidence.ts';

/** How long each part of it may take, in milliseconds: what is inside can have a look at its memory wait for ever. */
const patienceMs = 2_000;

const mostProcesses = 500;
const mostConnections = 200;

/** Reads the processes of a container by its init; `owner` is the stamp's uid. It may never end, and is left alone then. */
export type ReadProcessTree = (
  init: HostProcess,
  owner: string,
  signal: AbortSignal,
) => Promise<readonly ProcessSummary[]>;

export interface EvidenceInit {
  readonly clock: Clock;
  /** The stamp's. */
  readonly uid: string;
  readonly init: HostProcess | undefined;
  readonly readTree: ReadProcessTree;
  readonly events: readonly SensorEvent[];
  readonly signal: AbortSignal;
}

/** What a sandbox is doing, as far as that can be seen in time. Never throws. */
export async function takeEvidence({ clock, uid, init, readTree, events, signal }: EvidenceInit): Promise<Evidence> {
  const takenAt = clock.now();
  if (!init) return { takenAt, processes: [], connections: [], events, missing: ['It was not known to run'] };
  const missing: string[] = [];
  const read = async <T>(what: string, most: number, look: (signal: AbortSignal) => Promise<readonly T[]>) => {
    using deadline = openDeadline(clock, patienceMs, signal);
    try {
      const all = await untilAborted(look(deadline.signal), deadline.signal);
      if (all.length > most) missing.push(`${all.length - most} more ${what}`);
      return all.slice(0, most);
    } catch (error) {
      missing.push(deadline.hasPassed() ? `Its ${what} could not be read in time` : `Its ${what}: ${messageOf(error)}`);
      return [];
    }
  };
  const [processes, connections] = await Promise.all([
    read('processes', mostProcesses, (each) => readTree(init, uid, each)),
    read('connections', mostConnections, (each) => readConnections(init, each)),
  ]);
  return { takenAt, processes, connections, events, missing };
}
