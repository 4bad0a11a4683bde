import { randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import type { Notice } from '../host/incus/events.ts';
import type { Monitoring } from '../spec/monitoring.ts';
import type { Match } from './detection.ts';
import type { DetectionEntry, DetectionSink } from './detection-sink.ts';
import type { SensorEvent, TmpEvent } from './event.ts';
import type { Judge } from './judge.ts';
import type { RecentEvents } from './recent-events.ts';
import { Repeats } from './repeats.ts';
import { responseTo } from './responses/ladder.ts';
import type { Responder } from './responses/responder.ts';
import type { Sensor, SensorInit, SensorStatus, WatchedContainer } from './sensor.ts';
import type { WatchedContainers } from './watched.ts';

/** How many detections of a sandbox are kept for showing. */
const mostRecent = 20;

export interface MonitorInit {
  readonly clock: Clock;
  readonly watched: WatchedContainers;
  readonly judge: Judge;
  readonly sink: DetectionSink;
  readonly recent: RecentEvents;
  readonly responder: Responder;
  /** Told every line of the detection log. Must not throw. */
  readonly onEntry: (entry: DetectionEntry) => void;
  readonly openSensors: (init: SensorInit) => readonly Sensor[];
  readonly onProblem: (error: unknown) => void;
}

/** Watches all sandboxes: what sensors see is judged, and what follows from that is done. */
export class Monitor {
  readonly #init: MonitorInit;
  readonly #sensors: readonly Sensor[];
  readonly #repeats: Repeats;
  readonly #detections = new Map<string, DetectionEntry[]>();
  readonly #tmp = new Map<string, TmpEvent>();

  constructor(init: MonitorInit) {
    this.#init = init;
    this.#repeats = new Repeats(init.clock, (uid, last, count) => this.#repeated(uid, last, count));
    this.#sensors = init.openSensors({
      watched: init.watched.all,
      onEvent: (event) => this.#take(event),
      onProblem: init.onProblem,
    });
  }

  /** Watch until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { watched, responder, onProblem } = this.#init;
    const runs = this.#sensors.map((sensor) => sensor.run(signal).catch(onProblem));
    await Promise.all([watched.run(signal), ...runs]);
    this.#repeats.close();
    await responder.ended();
  }

  /** Something happened in Incus. */
  notice(notice: Notice): void {
    this.#init.watched.notice(notice);
  }

  /** The loop has looked after a key: what is known of sandboxes may be something else. */
  looked(key: string): void {
    const { watched, responder } = this.#init;
    watched.hint();
    if (!key.startsWith('sandbox/')) return;
    const container = watched.named(key.slice('sandbox/'.length));
    if (container) responder.letGo(container);
  }

  /** Another set of sandboxes is watched, or one of them has another init. */
  changed(risen: readonly WatchedContainer[]): void {
    const { watched, recent, responder } = this.#init;
    for (const container of risen) responder.risen(container);
    responder.tidy();
    const isWatched = (uid: string) => watched.find(uid) !== undefined;
    recent.keep(isWatched);
    for (const known of [this.#detections, this.#tmp]) {
      for (const uid of known.keys()) if (!isWatched(uid)) known.delete(uid);
    }
    for (const sensor of this.#sensors) sensor.refresh();
  }

  /** Somebody lifted what held a sandbox: what happens in it from now on is new. */
  resumed(name: string): void {
    const container = this.#init.watched.named(name);
    if (!container) return;
    this.#repeats.forget(container.uid);
    this.#init.responder.letGo(container);
  }

  /** How each sensor is doing. */
  statuses(): readonly SensorStatus[] {
    return this.#sensors.map((sensor) => sensor.status());
  }

  /** How many sandboxes are watched. */
  get watchedCount(): number {
    return this.#init.watched.all().length;
  }

  /** What is watched, by the name of the sandbox. */
  named(name: string): WatchedContainer | undefined {
    return this.#init.watched.named(name);
  }

  /** How a sandbox is watched; undefined when it is not. */
  settingsOf(uid: string): Monitoring | undefined {
    return this.#init.watched.find(uid)?.monitoring;
  }

  /** What was detected of a sandbox lately, newest last, without what was seen again. */
  detections(uid: string): readonly DetectionEntry[] {
    return this.#detections.get(uid) ?? [];
  }

  /** How full its /tmp was when somebody last looked; undefined while nobody has. */
  lastTmp(uid: string): TmpEvent | undefined {
    return this.#tmp.get(uid);
  }

  /** A line was written. */
  noted(entry: DetectionEntry): void {
    const known = this.#detections.get(entry.uid) ?? [];
    this.#detections.set(entry.uid, [...known, entry].slice(-mostRecent));
    this.#init.onEntry(entry);
  }

  #take(event: SensorEvent): void {
    const { watched, recent, judge, onProblem } = this.#init;
    const container = watched.find(event.uid);
    if (!container) return;
    try {
      recent.add(event);
      if (event.kind === 'tmp') this.#tmp.set(event.uid, event);
      for (const match of judge.judge(event, container)) this.#detect(container, match);
    } catch (error) {
      // Sensors go on, whatever a rule makes of an event.
      onProblem(error);
    }
  }

  #detect(container: WatchedContainer, match: Match): void {
    if (!this.#repeats.isNew(container.uid, match)) return;
    this.#init.responder.respond(responseTo(match.rule, container.monitoring), { container, match });
  }

  #repeated(uid: string, match: Match, count: number): void {
    const container = this.#init.watched.find(uid);
    // It is gone, and its log with it.
    if (!container) return;
    const { name: sandbox, instance } = container;
    const at = this.#init.clock.now();
    const entry = { id: randomUUID(), uid, sandbox, instance, at, match, outcome: 'deduplicated', count } as const;
    this.#init.sink.append(entry);
    this.#init.onEntry(entry);
  }
}
