import { pause, type Clock } from '../../../base/clock.ts';
import type { HostProcess } from '../../../host/process/container-process.ts';
import { tmpfsUsage } from '../../../host/process/tmpfs-usage.ts';
import type { Sensor, SensorInit, SensorStatus, WatchedContainer } from '../../sensor.ts';
import { Fullness } from './fullness.ts';

/** What a {@link TmpSensor} works with besides what all do. */
export interface TmpSensorInit extends SensorInit {
  readonly clock: Clock;
  /** Milliseconds between two looks; 10 s unless given. */
  readonly everyMs?: number;
}

const usualMs = 10_000;
const bytesPerMb = 1e6;

/**
 * How full /tmp is, where a sandbox has a tmpfs there: its own, or the one of `limits.disk.tmpfs_size`. Elsewhere /tmp is
 * a directory of the sandbox's disk, and how full the storage pool is that holds the disk says nothing about the sandbox.
 */
export class TmpSensor implements Sensor {
  readonly name = 'tmp';
  readonly #init: TmpSensorInit;
  readonly #known = new Map<string, { readonly init: HostProcess; readonly fullness: Fullness }>();
  #watched: readonly WatchedContainer[] = [];
  #isFailing = false;
  #seen = 0;

  constructor(init: TmpSensorInit) {
    this.#init = init;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, everyMs = usualMs } = this.#init;
    this.refresh();
    while (!signal.aborted) {
      for (const container of this.#watched) if (!signal.aborted) await this.#look(container);
      await pause(clock, everyMs, signal);
    }
  }

  refresh(): void {
    this.#watched = this.#init.watched().filter(({ monitoring, init }) => monitoring.enabled && init !== undefined);
    const uids = new Set(this.#watched.map(({ uid }) => uid));
    for (const uid of this.#known.keys()) if (!uids.has(uid)) this.#known.delete(uid);
  }

  status(): SensorStatus {
    const state = this.#watched.length === 0 ? 'off' : this.#isFailing ? 'failed' : 'active';
    return { sensor: this.name, state, source: 'statfs', seen: this.#seen, dropped: 0 };
  }

  async #look(container: WatchedContainer): Promise<void> {
    try {
      await this.#lookAt(container);
      this.#isFailing = false;
    } catch (error) {
      if (!this.#isFailing) this.#init.onProblem(error);
      this.#isFailing = true;
    }
  }

  async #lookAt({ uid, init }: WatchedContainer): Promise<void> {
    const usage = init && (await tmpfsUsage(init, '/tmp'));
    if (!usage) return;
    const usedPercent = (usage.used / usage.total) * 100;
    if (!this.#fullness(uid, init).isNews(usedPercent)) return;
    this.#seen += 1;
    this.#init.onEvent({
      kind: 'tmp',
      uid,
      at: this.#init.clock.now(),
      usedMb: usage.used / bytesPerMb,
      totalMb: usage.total / bytesPerMb,
      usedPercent,
    });
  }

  /** Another init is another life, with another /tmp. */
  #fullness(uid: string, init: HostProcess): Fullness {
    const known = this.#known.get(uid);
    if (known?.init.pid === init.pid && known.init.startedAt === init.startedAt) return known.fullness;
    const fullness = new Fullness();
    this.#known.set(uid, { init, fullness });
    return fullness;
  }
}
