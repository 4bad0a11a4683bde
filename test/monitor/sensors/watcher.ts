import { monitoringOf, type MonitoringChange } from '../../../src/spec/monitoring.ts';
import { processAt } from '../../../src/host/process/container-process.ts';
import type { EventKind, SensorEvent } from '../../../src/monitor/event.ts';
import type { Sensor, SensorInit, WatchedContainer } from '../../../src/monitor/sensor.ts';
import { until } from '../../lab/until.ts';
import type { Guest, Place } from '../../network/place.ts';

type Event<Kind extends EventKind> = Extract<SensorEvent, { kind: Kind }>;

/** Runs a sensor in the test's own process, over containers of a lab. */
export class Watcher implements AsyncDisposable {
  readonly events: SensorEvent[] = [];
  readonly problems: unknown[] = [];
  readonly sensor: Sensor;
  containers: WatchedContainer[] = [];
  readonly #stop = new AbortController();
  readonly #run: Promise<void>;

  constructor(containers: readonly WatchedContainer[], make: (init: SensorInit) => Sensor) {
    this.containers = [...containers];
    this.sensor = make({
      watched: () => this.containers,
      onEvent: (event) => this.events.push(event),
      onProblem: (error) => this.problems.push(error),
    });
    this.#run = this.sensor.run(this.#stop.signal);
  }

  /** Events of one kind, of one sandbox. */
  of<Kind extends EventKind>(kind: Kind, uid: string): Event<Kind>[] {
    return this.events.filter((event): event is Event<Kind> => event.kind === kind && event.uid === uid);
  }

  /** Waits for an event. */
  async see<Kind extends EventKind>(
    kind: Kind,
    uid: string,
    is: (event: Event<Kind>) => boolean = () => true,
  ): Promise<Event<Kind>> {
    return until(`an event ${kind}`, () => this.of(kind, uid).find(is)).catch((error: unknown) => {
      const last = JSON.stringify([this.sensor.status(), this.events.slice(-20), this.problems.map(String)]);
      throw new Error(last, { cause: error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#run;
  }
}

/** What the monitor would know of a guest. */
export async function watchedGuest(
  place: Place,
  { uid, name, instance, ipv4, ipv6 }: Guest,
  monitoring: MonitoringChange = {},
): Promise<WatchedContainer> {
  const init = processAt(await place.pid(instance));
  return { uid, name, instance, init, addresses: [ipv4, ipv6], monitoring: monitoringOf({ monitoring }) };
}
