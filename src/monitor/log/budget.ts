import { compareSeverity, type Severity } from '../severity.ts';

/** Lines of one sandbox in a minute. Those that are bad have their own, so that nobody hides them behind many others. */
const linesPerMinute = { low: 60, high: 60 };
const minuteMs = 60_000;

/** Most rules that are named among what was left out. */
const mostRules = 16;

/** Lines that were left out. */
export interface LeftOut {
  readonly count: number;
  /** The worst of them. */
  readonly level: Severity;
  /** How many of each rule, the first sixteen. */
  readonly rules: Readonly<Record<string, number>>;
}

/** How many lines a sandbox may have, minute by minute; counts the rest. */
export class LineBudget {
  #beganAt = -Infinity;
  #used = { low: 0, high: 0 };
  #leftOut: { count: number; level: Severity; rules: Map<string, number> } | undefined;

  /** Whether one more line may be written. One that may not is counted. Times are monotonic milliseconds. */
  takes({ level, rule, now }: { readonly level: Severity; readonly rule: string; readonly now: number }): boolean {
    if (now - this.#beganAt >= minuteMs) {
      this.#beganAt = now;
      this.#used = { low: 0, high: 0 };
    }
    const kind = compareSeverity(level, 'high') < 0 ? 'low' : 'high';
    if (this.#used[kind] < linesPerMinute[kind]) {
      this.#used[kind] += 1;
      return true;
    }
    this.#leaveOut(level, rule);
    return false;
  }

  /** Milliseconds until the minute is over. */
  left(now: number): number {
    return Math.max(0, this.#beganAt + minuteMs - now);
  }

  /** What was left out since it was last asked; undefined when nothing was. */
  takeLeftOut(): LeftOut | undefined {
    const out = this.#leftOut;
    this.#leftOut = undefined;
    return out && { ...out, rules: Object.fromEntries(out.rules) };
  }

  #leaveOut(level: Severity, rule: string): void {
    const out = (this.#leftOut ??= { count: 0, level, rules: new Map() });
    out.count += 1;
    if (compareSeverity(level, out.level) > 0) out.level = level;
    if (out.rules.has(rule) || out.rules.size < mostRules) out.rules.set(rule, (out.rules.get(rule) ?? 0) + 1);
  }
}
