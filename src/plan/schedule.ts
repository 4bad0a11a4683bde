import { CronTime } from 'cron';
import type { RunState, Schedule } from '../spec/sandbox.ts';

/** What a schedule asks for at one moment. */
export interface ScheduledState {
  /** Undefined when nothing has fired within the last five years: the schedule has no say yet. */
  readonly state: Extract<RunState, 'running' | 'stopped'> | undefined;
  /** When to look again, in milliseconds since 1970; undefined when nothing can change any more. */
  readonly nextChangeMs?: number;
}

/** Firings of one cron expression around a moment. Holds as long as the moment stays between them. */
interface Firings {
  readonly sinceMs: number;
  readonly last: number | undefined;
  readonly next: number | undefined;
}

/**
 * What was computed before, so that a fleet can be asked every minute. Owned by whoever asks again and again; answers
 * are the same without it.
 */
export type ScheduleCache = Map<string, Firings>;

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How far to look back, in growing steps: the cron package only looks forward. The last step is the five years. */
const windowsMs = [hourMs, 26 * hourMs, 8 * dayMs, 32 * dayMs, 367 * dayMs, 1_827 * dayMs];

/** Entries of a cache that is given up and begun anew, so that edited schedules do not pile up. */
const cacheLimit = 10_000;

/**
 * Whether a schedule wants its sandbox running at a moment: whichever of `start` and `stop` fired last holds, and `stop`
 * when both fired at once. A moment that passed while nobody looked is not made up for; only the state it left counts.
 *
 * Wall clock times that daylight saving skips fire when the clock has jumped; times that it repeats fire once.
 *
 * @param schedule already checked: valid expressions and an IANA time zone
 * @param nowMs milliseconds since 1970; not more than three years ahead of the machine's clock, which the cron package
 *   counts its search limit of eight years from
 */
export function scheduledState(schedule: Schedule, nowMs: number, cache: ScheduleCache = new Map()): ScheduledState {
  const { timezone } = schedule;
  const firings = (expression: string | undefined) =>
    expression === undefined ? undefined : firingsAround({ expression, timezone, nowMs, cache });
  const start = firings(schedule.start);
  const stop = firings(schedule.stop);
  const state = latest(start?.last, stop?.last);
  const changes = [state === 'running' ? undefined : start?.next, state === 'stopped' ? undefined : stop?.next];
  const nextChangeMs = Math.min(...changes.filter((at) => at !== undefined));
  return { state, ...(Number.isFinite(nextChangeMs) && { nextChangeMs }) };
}

/** When a cron expression last fired up to a moment, and when it fires next, in milliseconds since 1970. */
export function firingsOf(
  { expression, timezone }: { readonly expression: string; readonly timezone: string },
  nowMs: number,
  cache: ScheduleCache = new Map(),
): { readonly lastMs?: number | undefined; readonly nextMs?: number | undefined } {
  const { last, next } = firingsAround({ expression, timezone, nowMs, cache });
  return { lastMs: last, nextMs: next };
}

function latest(startedMs: number | undefined, stoppedMs: number | undefined): ScheduledState['state'] {
  if (startedMs === undefined) return stoppedMs === undefined ? undefined : 'stopped';
  return stoppedMs !== undefined && stoppedMs >= startedMs ? 'stopped' : 'running';
}

interface Question {
  readonly expression: string;
  readonly timezone: string;
  readonly nowMs: number;
  readonly cache: ScheduleCache;
}

function firingsAround({ expression, timezone, nowMs, cache }: Question): Firings {
  const key = `${timezone} ${expression}`;
  const known = cache.get(key);
  if (known && known.sinceMs <= nowMs && nowMs < (known.next ?? known.sinceMs + dayMs)) return known;
  const nextAfter = nextFiring(new CronTime(expression, timezone), timezone);
  const last = lastFiring(nextAfter, nowMs);
  const firings = { sinceMs: last ?? nowMs, last, next: nextAfter(nowMs) };
  if (cache.size >= cacheLimit) cache.clear();
  cache.set(key, firings);
  return firings;
}

type NextFiring = (afterMs: number) => number | undefined;

/** The first firing strictly after a moment. */
function nextFiring(cron: CronTime, timezone: string): NextFiring {
  return (afterMs) => {
    try {
      for (let from = afterMs; ;) {
        const next = cron.getNextDateFrom(new Date(from), timezone);
        const nextMs = next.toMillis();
        if (nextMs > afterMs && !isRepeat(next)) return nextMs;
        // In the hour that autumn repeats the package may answer with a time of either pass: walk out of that hour.
        from = Math.max(nextMs, from + minuteMs);
      }
    } catch {
      // Throwing is how the package says that no firing comes within eight years; the expression itself is valid.
      return undefined;
    }
  };
}

/** Whether the clock showed the same time before, because it was set back since. */
function isRepeat(date: ReturnType<CronTime['getNextDateFrom']>): boolean {
  const setBackMinutes = date.minus({ hours: 3 }).offset - date.offset;
  return setBackMinutes > 0 && date.minus({ minutes: setBackMinutes }).offset - date.offset === setBackMinutes;
}

function lastFiring(nextAfter: NextFiring, nowMs: number): number | undefined {
  for (const windowMs of windowsMs) {
    const first = nextAfter(nowMs - windowMs);
    if (first !== undefined && first <= nowMs) return lastFiringSince(first, { nextAfter, nowMs });
  }
  return undefined;
}

/** The last firing up to now, from an earlier one, by halving: a schedule may have fired thousands of times since. */
function lastFiringSince(firstMs: number, { nextAfter, nowMs }: { nextAfter: NextFiring; nowMs: number }): number {
  const isPast = (at: number | undefined): at is number => at !== undefined && at <= nowMs;
  let last = firstMs;
  let limit = nowMs;
  for (let next = nextAfter(last); isPast(next); next = nextAfter(last)) {
    last = next;
    const middle = Math.floor((last + limit) / 2);
    const jump = nextAfter(middle);
    if (isPast(jump)) last = jump;
    else limit = middle;
  }
  return last;
}
