import { runStates, type Manifest, type RunState } from '../spec/sandbox.ts';
import type { Override } from './override.ts';

/** One voice in the choice of a state. */
export interface StateVote {
  readonly state: RunState;
  /** Why, for people: `manifest`, `schedule`, `lifetime`, or an override's own reason. */
  readonly because: string;
}

/** The least a sandbox may do, and who said so. */
export interface EffectiveState extends StateVote {
  /** When this answer may change by itself, milliseconds since 1970. */
  readonly changesAt?: number;
}

/** What has a say besides the manifest. */
export interface StateInputs {
  readonly overrides: readonly Override[];
  /** What the schedule says right now; undefined without one. */
  readonly scheduled: { readonly state: RunState | undefined; readonly nextChangeMs?: number } | undefined;
  /** When the instance was created, milliseconds since 1970; undefined while there is none. */
  readonly createdAt: number | undefined;
  /** Whether a longer lifetime may be in a part of the source that cannot be read now. */
  readonly mayBeExtended: boolean;
  /** Its instance: when it was last started, and whether it stands still. */
  readonly run?: { readonly startedAt: number | undefined; readonly isStopped: boolean } | undefined;
  /** Whether the process that it is for has ended. */
  readonly isAbandoned?: boolean;
  readonly now: number;
}

/** Said of a session whose process has ended. */
export const abandoned = 'the end of its command';
/** Said of a sandbox that has run as long as it may. */
export const ranOut = 'limits.runtime.max_duration';

/** The lowest of override, lease, lifetime, schedule and manifest: absent < stopped < frozen < running. */
export function effectiveState(manifest: Manifest, inputs: StateInputs): EffectiveState {
  const votes: StateVote[] = [{ state: manifest.sandbox.state, because: 'manifest' }];
  for (const override of inputs.overrides) {
    if (override.state) votes.push({ state: override.state, because: becauseOf(override) });
  }
  if (inputs.scheduled?.state) votes.push({ state: inputs.scheduled.state, because: 'schedule' });
  if (inputs.isAbandoned) votes.push({ state: manifest.sandbox.persistent ? 'stopped' : 'absent', because: abandoned });
  const overAt = endOfRun(manifest, inputs);
  if (overAt !== undefined && overAt <= inputs.now) votes.push({ state: afterRun(manifest, inputs), because: ranOut });
  const expiresAt = expiry(manifest, inputs.createdAt);
  if (expiresAt !== undefined && expiresAt <= inputs.now) {
    votes.push({ state: inputs.mayBeExtended ? 'frozen' : 'absent', because: 'lifetime' });
  }
  const lowest = votes.reduce((low, vote) => (rank(vote.state) < rank(low.state) ? vote : low));
  const changes = [inputs.scheduled?.nextChangeMs, expiresAt, overAt].filter(
    (at) => at !== undefined && at > inputs.now,
  );
  return changes.length === 0 ? lowest : { ...lowest, changesAt: Math.min(...(changes as number[])) };
}

function endOfRun({ sandbox }: Manifest, { run }: StateInputs): number | undefined {
  const { runtime } = sandbox.limits;
  return runtime && run?.startedAt !== undefined ? run.startedAt + runtime.maxMs : undefined;
}

/** Stopped, as its start long ago goes on to say; what is neither persistent nor to be started again is of no more use. */
function afterRun({ sandbox }: Manifest, { run }: StateInputs): RunState {
  return run?.isStopped && sandbox.restart === 'never' && !sandbox.persistent ? 'absent' : 'stopped';
}

function becauseOf({ kind, reason, by }: Override): string {
  return kind === 'expired' ? reason : `${kind} by ${by} ("${reason}")`;
}

function rank(state: RunState): number {
  return runStates.indexOf(state);
}

function expiry(manifest: Manifest, createdAt: number | undefined): number | undefined {
  const ttlMs = manifest.sandbox.lifetime?.ttlMs;
  return ttlMs === undefined || createdAt === undefined ? undefined : createdAt + ttlMs;
}
