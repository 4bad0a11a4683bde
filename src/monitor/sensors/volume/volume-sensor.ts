import { pause, type Clock } from '../../../base/clock.ts';
import { countDevices } from '../../../host/cgroup/count-devices.ts';
import { readTraffic, trafficFile } from '../../../host/cgroup/disk-traffic.ts';
import { payloadGroups } from '../../../host/cgroup/payload.ts';
import type { HostProcess } from '../../../host/process/container-process.ts';
import type { Sensor, SensorInit, SensorStatus, WatchedContainer } from '../../sensor.ts';
import { TrafficWindow, windowMs } from './traffic-window.ts';

/** What a {@link VolumeSensor} works with besides what all do. */
export interface VolumeSensorInit extends SensorInit {
  readonly clock: Clock;
}

/** How often it is looked whether a look is due, in milliseconds, where nothing is watched. */
const idleMs = 2_000;
const bytesPerMb = 1e6;

interface Followed {
  readonly init: HostProcess;
  /** Absent while the container has no such group. */
  file: string | undefined;
  window: TrafficWindow;
  /** On the monotonic clock. */
  dueAt: number;
}

/**
 * What watched sandboxes read and write, by the counts of their own control groups: never those of a group above, which
 * are others' as well. An event tells of the last minute, and comes only when something moved.
 *
 * What a process reads from the page cache, or from pipes and sockets, is in no such count: its own (proc_pid_io(5),
 * `rchar`) mixes all of these, and goes with it.
 */
export class VolumeSensor implements Sensor {
  readonly name = 'volume';
  readonly #init: VolumeSensorInit;
  readonly #followed = new Map<string, Followed>();
  #watched: readonly WatchedContainer[] = [];
  #isFailing = false;
  #seen = 0;

  constructor(init: VolumeSensorInit) {
    this.#init = init;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#init;
    this.refresh();
    while (!signal.aborted) {
      for (const container of this.#watched) this.#guarded(() => this.#lookAt(container));
      await pause(clock, Math.min(idleMs, ...this.#watched.map(({ monitoring }) => monitoring.pollMs)), signal);
    }
  }

  refresh(): void {
    this.#watched = this.#init.watched().filter(({ monitoring, init }) => monitoring.enabled && init !== undefined);
    const uids = new Set(this.#watched.map(({ uid }) => uid));
    for (const uid of this.#followed.keys()) if (!uids.has(uid)) this.#followed.delete(uid);
    // A container that came may have brought a disk along.
    if (this.#watched.length > 0) this.#guarded(countDevices);
  }

  status(): SensorStatus {
    const isBlind = this.#watched.length > 0 && [...this.#followed.values()].every(({ file }) => file === undefined);
    return {
      sensor: this.name,
      state: this.#watched.length === 0 ? 'off' : isBlind ? 'failed' : 'active',
      source: 'cgroup',
      ...(isBlind && { because: 'no control group of a sandbox counts what it reads and writes' }),
      seen: this.#seen,
      dropped: 0,
    };
  }

  #guarded(look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!this.#isFailing) this.#init.onProblem(error);
      this.#isFailing = true;
    }
  }

  #lookAt(container: WatchedContainer): void {
    const { clock, onEvent } = this.#init;
    const { uid, monitoring } = container;
    const followed = this.#follow(container);
    const now = clock.monotonic();
    if (!followed?.file || now < followed.dueAt) return;
    followed.dueAt = now + monitoring.pollMs;
    const traffic = readTraffic(followed.file);
    if (!traffic) {
      this.#followed.delete(uid);
      return;
    }
    const moved = followed.window.add(now, traffic);
    if (!moved) return;
    this.#seen += 1;
    onEvent({
      kind: 'volume',
      uid,
      at: clock.now(),
      seconds: windowMs / 1_000,
      readMb: moved.read / bytesPerMb,
      writtenMb: moved.written / bytesPerMb,
    });
  }

  /** Another init is another life: what was counted before it says nothing. */
  #follow({ uid, init }: WatchedContainer): Followed | undefined {
    if (!init) return undefined;
    const known = this.#followed.get(uid);
    if (known?.init.pid === init.pid && known.init.startedAt === init.startedAt && known.file) return known;
    const followed = { init, file: trafficFile(payloadGroups(init)), window: new TrafficWindow(), dueAt: 0 };
    this.#followed.set(uid, followed);
    return followed;
  }
}
