import type { DeviceTraffic, DiskTraffic } from '../../../host/cgroup/disk-traffic.ts';

/** Length of the window in milliseconds. */
export const windowMs = 60_000;

interface Sample {
  readonly at: number;
  readonly traffic: DiskTraffic;
}

const none: DeviceTraffic = { read: 0, written: 0 };

/**
 * What was read and written within the last minute, of counts that only grow. Of several devices the busiest counts: one
 * below the other, as with encryption or a disk in a file, has the same bytes again.
 */
export class TrafficWindow {
  #samples: Sample[] = [];

  /**
   * Takes what is counted now, at a time in milliseconds.
   *
   * @returns bytes within the window; undefined when nothing moved since the sample before, or counting began anew
   */
  add(at: number, traffic: DiskTraffic): DeviceTraffic | undefined {
    const last = this.#samples.at(-1);
    if (!last || hasFallen(last.traffic, traffic)) {
      this.#samples = [{ at, traffic }];
      return undefined;
    }
    const moved = since(last.traffic, traffic);
    // The oldest one is what counts start from, so it is at the window's beginning or before it.
    while (this.#samples.length > 1 && this.#samples[1]!.at <= at - windowMs) this.#samples.shift();
    this.#samples.push({ at, traffic });
    return moved.read + moved.written > 0 ? since(this.#samples[0]!.traffic, traffic) : undefined;
  }
}

function hasFallen(before: DiskTraffic, now: DiskTraffic): boolean {
  return [...before].some(([device, { read, written }]) => {
    const found = now.get(device);
    return found !== undefined && (found.read < read || found.written < written);
  });
}

function since(before: DiskTraffic, now: DiskTraffic): DeviceTraffic {
  let most = none;
  for (const [device, { read, written }] of now) {
    const base = before.get(device) ?? none;
    most = { read: Math.max(most.read, read - base.read), written: Math.max(most.written, written - base.written) };
  }
  return most;
}
