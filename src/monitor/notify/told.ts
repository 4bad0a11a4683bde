import type { Outcome } from '../detection.ts';
import type { DetectionEntry } from '../detection-sink.ts';

/** What was told is not told again for so long after it was last seen, in milliseconds. */
const quietMs = 3_600_000;

/** Most messages about one sandbox in ten minutes that nothing was done for. */
const mostPerWindow = 10;
const windowMs = 600_000;

/** Most things that are remembered. */
const most = 4_096;

/** How much was done, as far as it is told. */
const ranks: Readonly<Record<Outcome, number>> = {
  logged: 0,
  deduplicated: 0,
  'logged (already paused)': 0,
  alerted: 1,
  isolated: 2,
  paused: 3,
  killed: 4,
  failed: 5,
};

interface Window {
  readonly beganAt: number;
  sent: number;
  suppressed: number;
}

/** Remembers what was told, so that the same thing is told once, and one sandbox cannot make noise without end. */
export class Told {
  readonly #seen = new Map<string, { readonly rank: number; readonly at: number }>();
  readonly #windows = new Map<string, Window>();

  /**
   * Whether a detection is news: something was done about it, and nothing like it was told before, or less was done then.
   *
   * @param now monotonic milliseconds
   * @returns undefined when it is not to be told; else how many of the sandbox were held back before it
   */
  takes({ sandbox, match, outcome }: DetectionEntry, now: number): number | undefined {
    const rank = ranks[outcome];
    const key = `${sandbox} ${match.cause.slice(0, 1_024)}`;
    const before = this.#seen.get(key);
    const isKnown = before !== undefined && now - before.at < quietMs;
    if (rank > 0 || isKnown) remember(this.#seen, key, { rank: Math.max(rank, isKnown ? before.rank : 0), at: now });
    if (rank === 0 || (isKnown && before.rank >= rank)) return undefined;
    return this.#withinLimit(sandbox, rank, now);
  }

  /** Begin anew with a sandbox: what it does from now on is news. */
  forget(sandbox: string): void {
    for (const key of this.#seen.keys()) if (key.startsWith(`${sandbox} `)) this.#seen.delete(key);
  }

  #withinLimit(sandbox: string, rank: number, now: number): number | undefined {
    const open = this.#windows.get(sandbox);
    const isOver = !open || now - open.beganAt >= windowMs;
    const window = isOver ? { beganAt: now, sent: 0, suppressed: open?.suppressed ?? 0 } : open;
    remember(this.#windows, sandbox, window);
    if (rank <= ranks.alerted && window.sent >= mostPerWindow) {
      window.suppressed += 1;
      return undefined;
    }
    window.sent += 1;
    const { suppressed } = window;
    window.suppressed = 0;
    return suppressed;
  }
}

/** Puts it last and lets go of the first where there are too many. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [first] = map.keys();
  if (map.size > most && first !== undefined) map.delete(first);
}
