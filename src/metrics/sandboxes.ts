import type { Instruments, Reading } from './instruments.ts';
import { stallReasons, type ConditionStatus, type ConditionType, type Phase, type StallReason } from './labels.ts';

/** One sandbox as metrics see it. */
export interface SandboxState {
  readonly name: string;
  readonly source: string;
  readonly revision: string;
  readonly phase: Phase;
  readonly conditions: readonly {
    readonly type: ConditionType;
    readonly status: ConditionStatus;
    readonly reason: string;
  }[];
}

/** How many sandboxes there are, how they are, and how long it takes until they are as wanted. */
export function sandboxMetrics(instruments: Instruments) {
  let read: () => Iterable<SandboxState> = () => [];
  instruments.gauge('sandboxes', () => counted(read(), ({ phase }) => [{ phase }]));
  instruments.gauge('sandbox_info', function* () {
    for (const state of read()) yield { labels: infoLabels(state), value: 1 };
  });
  instruments.gauge('sandbox_conditions', () =>
    counted(read(), ({ conditions }) => conditions.map(({ type, status }) => ({ type, status }))),
  );
  instruments.gauge('sandboxes_stalled', () => counted(read(), stalls));
  const firstReady = instruments.histogram('first_ready_seconds');
  const convergence = instruments.histogram('convergence_seconds');
  const deletion = instruments.histogram('deletion_seconds');
  return {
    /** Read the sandboxes from here at every scrape. Those it no longer names have no series any more. */
    follow(readStates: () => Iterable<SandboxState>): void {
      read = readStates;
    },
    /** A sandbox became Ready for the first time, so long after its manifest was seen. */
    firstReady: (seconds: number) => firstReady({}, seconds),
    /** A sandbox became Ready (again), so long after the change was seen. */
    converged: (seconds: number) => convergence({}, seconds),
    /** Nothing is left of a sandbox, so long after its teardown began. */
    deleted: (seconds: number) => deletion({}, seconds),
  };
}

/** How many sandboxes have each combination of labels. */
function counted<L extends object>(
  states: Iterable<SandboxState>,
  labelsOf: (state: SandboxState) => readonly L[],
): { labels: L; value: number }[] {
  const counts = new Map<string, { labels: L; value: number }>();
  for (const state of states) {
    for (const labels of labelsOf(state)) {
      const key = JSON.stringify(labels);
      counts.set(key, { labels, value: (counts.get(key)?.value ?? 0) + 1 });
    }
  }
  return [...counts.values()];
}

function infoLabels(state: SandboxState): Reading<'sandbox_info'>['labels'] {
  const { name, source, revision, conditions } = state;
  const statusOf = (wanted: ConditionType) => conditions.find(({ type }) => type === wanted)?.status;
  // Kept although it is not declared any more: it will not become Ready, and waiting for that would alert for ever.
  const isHeld = statusOf('Pruning') === 'False';
  const ready = statusOf('Ready') === 'True' ? 'true' : isHeld ? 'held' : 'false';
  return { name, source, revision, ready, suspended: statusOf('Suspended') === 'True' ? 'true' : 'false' };
}

function stalls({ conditions }: SandboxState): { reason: StallReason }[] {
  return conditions
    .filter(({ type, status }) => type === 'Stalled' && status === 'True')
    .map(({ reason }) => ({ reason: stallReasons.find((known) => known === reason) ?? 'Other' }));
}
