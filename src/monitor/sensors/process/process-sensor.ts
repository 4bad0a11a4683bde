import { backoffMs, type Backoff } from '../../../base/backoff.ts';
import { pause, type Clock } from '../../../base/clock.ts';
import { messageOf, Problem } from '../../../base/problem.ts';
import type { Budgets } from '../../../host/bpftrace/program.ts';
import type { Record } from '../../../host/bpftrace/record.ts';
import { runBpftrace } from '../../../host/bpftrace/run-bpftrace.ts';
import { WordsReader } from '../../../host/process/words-reader.ts';
import type { SensorEvent } from '../../event.ts';
import type { Sensor, SensorInit, SensorStatus } from '../../sensor.ts';
import { completeWords } from './complete-words.ts';
import { eventsOf, type TimedTrace } from './events-of.ts';
import { ProcPoll } from './proc-poll.ts';
import { Sandboxes, type RunningSandbox } from './sandboxes.ts';
import { Unseen } from './unseen.ts';
import { watchedPaths } from './watched-paths.ts';

/** What a process sensor works with. */
export interface ProcessSensorInit extends SensorInit {
  readonly clock: Clock;
  /** Only look in /proc, or only trace; by itself it traces, and looks in /proc while that is not possible. */
  readonly source?: 'bpftrace' | 'proc';
  /** How much one sandbox may have recorded, where it is to be something else than usual. */
  readonly budgets?: Budgets;
}

/** Waits before bpftrace is started again, and how long it has to have worked for the waits to begin anew. */
const backoff: Backoff = { baseMs: 500, capMs: 60_000, jitter: 0.2 };
const healthyMs = 60_000;
/** How long until a machine that cannot trace is tried again, in milliseconds. */
const unfitMs = 600_000;
/** How often what was not recorded is told, in milliseconds. */
const unseenMs = 1_000;
/** Shortest time between two looks in /proc, in milliseconds. */
const leastPollMs = 250;
/** Most programs whose words are being completed. */
const mostIncomplete = 64;

/**
 * Records that one namespace may cause in 250 ms: far more than a build on all processors of an ordinary machine, and little
 * enough for one controller to read.
 */
const usualBudgets: Budgets = { exec: 500, file: 200, call: 200, stdio: 50, all: 1_000 };

/** Sees what programs sandboxes run, and what they do to files and to the kernel. */
export class ProcessSensor implements Sensor {
  readonly name = 'process';
  readonly #init: ProcessSensorInit;
  readonly #clock: Clock;
  readonly #reader: WordsReader;
  readonly #poll: ProcPoll;
  readonly #unseen = new Unseen();
  readonly #sandboxes: Sandboxes<TimedTrace>;
  readonly #told = new Set<string>();
  #changed = Promise.withResolvers<void>();
  #isWatching = false;
  #isTracing = false;
  #because: string | undefined;
  #seen = 0;
  #dropped = 0;
  #incomplete = 0;

  constructor(init: ProcessSensorInit) {
    this.#init = init;
    this.#clock = init.clock;
    this.#reader = new WordsReader(init.clock);
    this.#poll = new ProcPoll(this.#reader);
    this.#sandboxes = new Sandboxes(init.clock, (sandbox, timed) => this.#onOwned(sandbox, timed));
  }

  async run(signal: AbortSignal): Promise<void> {
    using _reader = this.#reader;
    signal.addEventListener('abort', () => this.refresh(), { once: true });
    while (!signal.aborted) {
      const { promise } = this.#changed;
      if (this.#isWanted()) await this.#watch(signal);
      else await promise;
    }
  }

  refresh(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    if (this.#isWatching) void this.#learn({ isFirst: false });
  }

  status(): SensorStatus {
    const counts = { sensor: this.name, seen: this.#seen, dropped: this.#dropped } as const;
    if (!this.#isWatching) return { ...counts, state: 'off', source: this.#init.source ?? 'bpftrace' };
    if (this.#isTracing) return { ...counts, state: 'active', source: 'bpftrace' };
    const because = this.#because ?? 'bpftrace is starting';
    if (this.#init.source === 'bpftrace') return { ...counts, state: 'failed', source: 'bpftrace', because };
    return { ...counts, state: 'fallback', source: 'proc', because };
  }

  #isWanted(): boolean {
    return this.#init.watched().some(({ monitoring }) => monitoring.enabled);
  }

  /** Until nobody is to be watched. */
  async #watch(signal: AbortSignal): Promise<void> {
    const stop = new AbortController();
    this.#isWatching = true;
    try {
      await this.#learn({ isFirst: true });
      const work = [this.#tellUnseen(stop.signal)];
      if (this.#init.source !== 'proc') work.push(this.#trace(stop.signal));
      else this.#because = 'only /proc is to be looked at';
      if (this.#init.source !== 'bpftrace') work.push(this.#lookAgain(stop.signal));
      while (!signal.aborted && this.#isWanted()) await this.#changed.promise;
      stop.abort();
      await Promise.all(work);
    } finally {
      stop.abort();
      this.#isWatching = false;
      await this.#learn({ isFirst: false });
    }
  }

  /** Whose namespaces are whose. What runs already in those that are new is what its later children come from. */
  async #learn({ isFirst }: { readonly isFirst: boolean }): Promise<void> {
    const added = await this.#sandboxes.look(() => (this.#isWatching ? this.#init.watched() : []));
    // Somebody who starts while nothing is traced is looked at like any other; what ran before we did is not news.
    if (!isFirst && !this.#isTracing) return;
    for (const sandbox of added) if (!sandbox.table.has(sandbox.init)) await this.#lookAt(sandbox, { isSilent: true });
  }

  async #trace(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const began = this.#clock.monotonic();
      const onRecord = (record: Record) => this.#onRecord(record);
      const budgets = this.#init.budgets ?? usualBudgets;
      const error: unknown = await runBpftrace({
        patterns: watchedPaths,
        budgets,
        clock: this.#clock,
        signal,
        onRecord,
      }).catch((reason: unknown) => reason);
      this.#isTracing = false;
      if (signal.aborted) return;
      this.#because = messageOf(error);
      this.#tell(error);
      failures = this.#clock.monotonic() - began > healthyMs ? 1 : failures + 1;
      const isUnfit = error instanceof Problem && error.code === 'bpftrace.unfit';
      await pause(this.#clock, isUnfit ? unfitMs : backoffMs(backoff, failures, Math.random()), signal);
    }
  }

  #tell(error: unknown): void {
    const text = messageOf(error);
    if (this.#told.has(text)) return;
    if (this.#told.size > 100) this.#told.clear();
    this.#told.add(text);
    this.#init.onProblem(error);
  }

  async #lookAgain(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const waits = this.#init
        .watched()
        .filter(({ monitoring }) => monitoring.enabled)
        .map(({ monitoring }) => monitoring.pollMs);
      await pause(this.#clock, Math.max(leastPollMs, Math.min(2_000, ...waits)), signal);
      for (const sandbox of this.#sandboxes.all) {
        if (this.#isTracing || signal.aborted) break;
        await this.#lookAt(sandbox, { isSilent: false });
      }
    }
  }

  async #lookAt(sandbox: RunningSandbox, { isSilent }: { readonly isSilent: boolean }): Promise<void> {
    try {
      const events = await this.#poll.look(sandbox, this.#clock.now());
      if (!isSilent) for (const event of events) this.#emit(event);
    } catch (error) {
      this.#tell(error);
    }
  }

  #onRecord(record: Record): void {
    if (record.kind === 'alive') {
      this.#isTracing = true;
    } else if (record.kind === 'lost') {
      this.#unseen.lost(new Set([...this.#sandboxes.all].map(({ uid }) => uid)), record.count);
    } else if (record.kind === 'over') {
      const owner = [...this.#sandboxes.all].find(({ namespace }) => namespace === record.namespace);
      if (owner) this.#unseen.add(owner.uid, record.window, record.count);
    } else {
      const { trace } = record;
      const timed = { at: this.#clock.now(), trace };
      if (trace.isInit) this.#sandboxes.begin(trace.namespace, trace.process);
      const sandbox = this.#sandboxes.find(trace.namespace, timed);
      if (sandbox) this.#onOwned(sandbox, timed);
    }
  }

  #onOwned(sandbox: RunningSandbox, timed: TimedTrace): void {
    const events = eventsOf(sandbox, timed);
    const isCut = timed.trace.kind === 'exec' && timed.trace.areWordsCut && this.#incomplete < mostIncomplete;
    if (isCut) void this.#complete(sandbox, timed, events);
    else for (const event of events) this.#emit(event);
  }

  async #complete(sandbox: RunningSandbox, { trace }: TimedTrace, events: readonly SensorEvent[]): Promise<void> {
    this.#incomplete += 1;
    const reading = await this.#reader.read(trace.process, sandbox.uid);
    this.#incomplete -= 1;
    for (const event of events) this.#emit(completeWords(event, trace, reading));
  }

  async #tellUnseen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#clock, unseenMs, signal);
      for (const event of this.#unseen.take(this.#clock.now())) {
        this.#dropped += event.count;
        this.#emit(event);
      }
    }
  }

  #emit(event: SensorEvent): void {
    this.#seen += 1;
    this.#init.onEvent(event);
  }
}
