import { pause, type Clock } from '../../base/clock.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import type { Monitoring } from '../../spec/monitoring.ts';
import type { DetectionEntry, DetectionSink } from '../detection-sink.ts';
import { removeExpired } from './expire.ts';
import { placeOf } from './places.ts';
import type { LogOwner } from './record.ts';
import { SandboxLog } from './sandbox-log.ts';

/** Most logs that are known at a time; the one that was written to least lately is closed for another. */
const mostLogs = 512;

/** A log that nobody wrote to for so long is closed, in milliseconds. */
const idleMs = 60_000;
const dayMs = 86_400_000;

/** What a {@link DetectionLog} is made from. */
export interface DetectionLogInit {
  /** `STATE`; logs are in `STATE/monitor/UID/detections/`. */
  readonly stateDir: string;
  readonly clock: Clock;
  /** How a sandbox is watched; undefined for one that is gone. Cheap to ask, must not throw. */
  readonly monitoringOf: (uid: string) => Monitoring | undefined;
  /** Days for logs of which nobody knows how long they stay. */
  readonly usualDays: number;
  /** Told once when writing begins to fail, and once for each other thing that goes wrong. Must not throw. */
  readonly onProblem: (error: unknown) => void;
  /** Most files that are open at a time, 512 unless given. */
  readonly maxOpen?: number;
  /** Ends the daily removal of what is old. */
  readonly signal: AbortSignal;
}

/** The detection logs of all sandboxes. Losing them stops nobody: what cannot be written is counted. */
export class DetectionLog implements DetectionSink, AsyncDisposable {
  /** Since the start: lines that were written, lines that could not be, and detections beyond what a sandbox may have. */
  readonly counts = { written: 0, dropped: 0, limited: 0 };
  readonly #init: DetectionLogInit;
  readonly #logs = new Map<string, SandboxLog>();
  /** Those that could not be written to the last time. */
  readonly #failing = new Set<string>();
  #idle: Disposable | undefined;

  constructor(init: DetectionLogInit) {
    this.#init = init;
  }

  append(entry: DetectionEntry): void {
    const log = this.#logOf(entry);
    if (log) log.append(entry);
    else this.counts.dropped += 1;
  }

  async appendDurable(entry: DetectionEntry): Promise<void> {
    const log = this.#logOf(entry);
    if (await log?.appendDurable(entry)) return;
    if (!log) this.counts.dropped += 1;
    throw new Problem({
      code: 'monitor.not-logged',
      message: `Cannot write down a detection of sandbox "${entry.sandbox}"`,
      hint: `Is there room in "${this.#init.stateDir}", and may it be written to?`,
      retry: 'backoff',
    });
  }

  /** Remove what is older than it may be, now and once a day, until the signal aborts. Never rejects. */
  async keepTidy(): Promise<void> {
    const { clock, signal, onProblem } = this.#init;
    while (!signal.aborted) {
      try {
        await this.removeOld();
      } catch (error) {
        onProblem(error);
      }
      await pause(clock, dayMs, signal);
    }
  }

  /** Remove lines that are older than their sandbox's `monitoring.log_days`; logs that are empty then go, too. */
  async removeOld(): Promise<void> {
    const { stateDir, clock, usualDays, monitoringOf } = this.#init;
    await removeExpired({
      stateDir,
      now: clock.now(),
      daysOf: ({ uid, logDays }) => monitoringOf(uid)?.logDays ?? logDays ?? usualDays,
      alone: (place, work) => this.#logOf(place)?.alone(work) ?? work(),
    });
  }

  /** Resolves when everything so far is written or dropped. */
  async flush(): Promise<void> {
    for (const log of this.#logs.values()) await log.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#idle?.[Symbol.dispose]();
    const logs = [...this.#logs.values()];
    this.#logs.clear();
    for (const log of logs) await log[Symbol.asyncDispose]();
  }

  #logOf(owner: LogOwner): SandboxLog | undefined {
    const { uid } = owner;
    const log = this.#logs.get(uid) ?? this.#open(owner);
    if (!log) return undefined;
    // Put last, so that the first is the one that was written to least lately.
    this.#logs.delete(uid);
    this.#logs.set(uid, log);
    this.#idle ??= this.#init.clock.after(idleMs, () => void this.#closeIdle());
    return log;
  }

  #open({ uid, sandbox, instance }: LogOwner): SandboxLog | undefined {
    const { stateDir, clock, monitoringOf, usualDays } = this.#init;
    const dir = placeOf(stateDir, uid);
    if (dir === undefined) return undefined;
    if (this.#logs.size >= (this.#init.maxOpen ?? mostLogs)) this.#closeFirst();
    return new SandboxLog({
      dir,
      owner: { uid, sandbox, instance },
      clock,
      monitoring: () => monitoringOf(uid),
      usualDays,
      onWrite: (written) => this.#wrote(uid, written),
      onDrop: (error, dropped) => this.#dropped(uid, error, dropped),
      onLimit: () => (this.counts.limited += 1),
    });
  }

  #closeFirst(): void {
    const [first] = this.#logs;
    if (!first) return;
    this.#logs.delete(first[0]);
    void this.#end(first[1]);
  }

  async #closeIdle(): Promise<void> {
    this.#idle = undefined;
    const { clock } = this.#init;
    for (const [, log] of this.#logs) if (log.isOpen && log.idleFor >= idleMs) await this.#guarded(() => log.release());
    if ([...this.#logs.values()].some(({ isOpen }) => isOpen)) {
      this.#idle ??= clock.after(idleMs, () => void this.#closeIdle());
    }
  }

  #end(log: SandboxLog): Promise<void> {
    return this.#guarded(() => log[Symbol.asyncDispose]());
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#init.onProblem(error);
    }
  }

  #wrote(uid: string, written: number): void {
    this.counts.written += written;
    this.#failing.delete(uid);
  }

  #dropped(uid: string, cause: unknown, dropped: number): void {
    this.counts.dropped += dropped;
    const isNew = this.#failing.size === 0;
    if (this.#failing.size < mostLogs) this.#failing.add(uid);
    if (!isNew) return;
    this.#init.onProblem(
      new Problem({
        code: 'monitor.log-failing',
        message: `Cannot write down detections in "${this.#init.stateDir}": ${messageOf(cause)}`,
        hint: 'They are acted on all the same, and counted in coi_detection_log_dropped_total',
        retry: 'backoff',
        cause,
      }),
    );
  }
}
