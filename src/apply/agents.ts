import { backoffMs, type Backoff } from '../base/backoff.ts';
import type { Clock } from '../base/clock.ts';
import type { AgentLack, AgentState } from '../plan/world.ts';

/** Waits before an agent that ended is started again. */
const restartBackoff: Backoff = { baseMs: 1_000, capMs: 300_000, jitter: 0.1 };

/** An agent that ran this long was well: the next end counts as the first again. */
const healthyMs = 600_000;

interface Known {
  readonly state: AgentState;
  readonly since: number;
  readonly ends: number;
}

/** What is known about the agents inside, by the uid of their instance. Lost with the process, and found out again. */
export class Agents {
  readonly #known = new Map<string, Known>();
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(clock: Clock, random: () => number = Math.random) {
    this.#clock = clock;
    this.#random = random;
  }

  state(uid: string): AgentState {
    return this.#known.get(uid)?.state ?? { kind: 'absent' };
  }

  /** @param lack what keeps it from working as it should */
  started(uid: string, lack?: AgentLack): void {
    const ends = this.#known.get(uid)?.ends ?? 0;
    this.#known.set(uid, {
      state: { kind: 'running', ...(lack && { lack }), restarts: ends },
      since: this.#clock.monotonic(),
      ends,
    });
  }

  ended(uid: string, exitCode: number): void {
    const before = this.#known.get(uid);
    const ranMs = before ? this.#clock.monotonic() - before.since : 0;
    const ends = ranMs > healthyMs ? 1 : (before?.ends ?? 0) + 1;
    const restartAt = this.#clock.now() + backoffMs(restartBackoff, ends, this.#random());
    this.#known.set(uid, {
      state: { kind: 'ended', exitCode, restartAt, restarts: ends - 1 },
      since: this.#clock.monotonic(),
      ends,
    });
  }

  /** Somebody came back to it: where it does not run, it is started again unless something of it is left. */
  comeBack(uid: string): void {
    const before = this.#known.get(uid);
    if (before?.state.kind === 'running') return;
    const state = { kind: 'absent', isWantedBack: true } as const;
    this.#known.set(uid, { state, since: this.#clock.monotonic(), ends: before?.ends ?? 0 });
  }

  /** Its container stopped or started: whatever ran inside is gone. */
  lost(uid: string): void {
    const before = this.#known.get(uid);
    if (before) this.#known.set(uid, { ...before, state: { kind: 'absent' } });
  }

  forget(uid: string): void {
    this.#known.delete(uid);
  }
}
