import { processAt } from '../../../../src/host/process/container-process.ts';
import { systemClock } from '../../../../src/base/clock.ts';
import { ProcessSensor, type ProcessSensorInit } from '../../../../src/monitor/sensors/process/process-sensor.ts';
import type { SensorEvent } from '../../../../src/monitor/event.ts';
import type { WatchedContainer } from '../../../../src/monitor/sensor.ts';
import type { Monitoring } from '../../../../src/spec/monitoring.ts';
import type { Lab } from '../../../lab/lab.ts';
import { until } from '../../../lab/until.ts';

export const monitoring: Monitoring = {
  enabled: true,
  freezesOnHigh: true,
  killsOnCritical: true,
  pollMs: 500,
  read: { thresholdMb: 1_000, mbPerSecond: 100 },
  write: { thresholdMb: 1_000, mbPerSecond: 100 },
  logDays: 30,
  network: { enabled: true, flowsPerSecond: 100, namesPerMinute: 100, logsNames: true, limaHost: '' },
  rules: {},
};

/** A running container as the sensor is told of it; its uid is its name. */
export async function watched(lab: Lab, instance: string): Promise<WatchedContainer> {
  const { pid } = JSON.parse(await lab.incus('query', `/1.0/instances/${instance}/state`)) as { readonly pid: number };
  const init = processAt(pid);
  return { uid: instance, name: instance, instance, init, addresses: [], monitoring };
}

/** A process sensor that runs, and what it has seen. */
export class Watcher implements AsyncDisposable {
  readonly events: SensorEvent[] = [];
  readonly problems: unknown[] = [];
  readonly sensor: ProcessSensor;
  readonly #containers: WatchedContainer[] = [];
  readonly #end = new AbortController();
  readonly #work: Promise<void>;

  constructor(options: Pick<ProcessSensorInit, 'source' | 'budgets'> = {}) {
    this.sensor = new ProcessSensor({
      watched: () => this.#containers,
      onEvent: (event) => void this.events.push(event),
      onProblem: (problem) => void this.problems.push(problem),
      clock: systemClock,
      ...options,
    });
    this.#work = this.sensor.run(this.#end.signal);
  }

  watch(...containers: readonly WatchedContainer[]): void {
    this.#containers.push(...containers);
    this.sensor.refresh();
  }

  unwatchAll(): void {
    this.#containers.length = 0;
    this.sensor.refresh();
  }

  /** Waits until the sensor is in a state. */
  async is(state: 'active' | 'fallback' | 'off' | 'failed'): Promise<void> {
    await until(`the sensor to be ${state}`, () => this.sensor.status().state === state, { timeoutMs: 90_000 });
  }

  /** The first event of a kind that is wanted, once there is one. */
  seen<K extends SensorEvent['kind']>(
    kind: K,
    isIt: (event: Extract<SensorEvent, { readonly kind: K }>) => boolean,
  ): Promise<Extract<SensorEvent, { readonly kind: K }>> {
    return until(`a ${kind} event`, () => this.of(kind).find(isIt), { timeoutMs: 20_000 });
  }

  of<K extends SensorEvent['kind']>(kind: K): Extract<SensorEvent, { readonly kind: K }>[] {
    return this.events.filter((event) => event.kind === kind) as Extract<SensorEvent, { readonly kind: K }>[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#work;
  }
}
