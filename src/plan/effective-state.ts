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
/** Said of a sandbox that somebody shut down. */
export const shutDown = 'its shutdown';
/** Said of a sandbox that has run as long as it may. */
export const ranOut = 'limits.runtime.max_duration';

/** The lowest of override, lease, lifetime, schedule and manifest: absent < stopped < frozen < running. */
export function effectiveState(manifest: Manifest, inputs: StateInputs): EffectiveState {
  const { now, scheduled } = inputs;
  const expiresAt = expiry(manifest, inputs.createdAt);
  const overAt = endOfRun(manifest, inputs);
  const isPast = (at: number | undefined) => at !== undefined && at <= now;
  const votes: StateVote[] = [
    { state: manifest.sandbox.state, because: 'manifest' },
    ...inputs.overrides.flatMap((each) => (each.state ? [{ state: each.state, because: becauseOf(each) }] : [])),
    ...vote(scheduled?.state, 'schedule'),
    ...vote(inputs.isAbandoned ? afterCommand(manifest) : undefined, abandoned),
    ...vote(manifest.sandbox.endsWithin === undefined ? undefined : afterShutdown(inputs), shutDown),
    ...vote(isPast(overAt) ? afterRun(manifest, inputs) : undefined, ranOut),
    ...vote(isPast(expiresAt) ? (inputs.mayBeExtended ? 'frozen' : 'absent') : undefined, 'lifetime'),
  ];
  const lowest = votes.reduce((low, each) => (rank(each.state) < rank(low.state) ? each : low));
  const changes = [scheduled?.nextChangeMs, expiresAt, overAt].filter((at) => at !== undefined && at > now);
  return changes.length === 0 ? lowest : { ...lowest, changesAt: Math.min(...(changes as number[])) };
}

function vote(state: RunState | undefined, because: string): StateVote[] {
  return state ? [{ state, because }] : [];
}

function afterCommand({ sandbox }: Manifest): RunState {
  return sandbox.persistent ? 'stopped' : 'absent';
}

/** Stopped first, so that what runs inside can end by itself. */
function afterShutdown({ run }: StateInputs): RunState {
  return run && !run.isStopped ? 'stopped' : 'absent';
}

function endOfRun({ sandbox }: Manifest, { run }: StateInputs): number | undefined {
  const { runtime } = sandbox.limits;
  if (!runtime || run?.startedAt === undefined) return undefined;
  // Asked for since: that run is over, and the next one has not begun.
  if (run.isStopped && (sandbox.asked?.at ?? 0) > run.startedAt) return undefined;
  return run.startedAt + runtime.maxMs;
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
