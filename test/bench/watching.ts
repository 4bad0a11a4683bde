import { until } from '../lab/until.ts';
import { installedCoi } from './package.ts';
import type { Stage } from './stage.ts';

/** What `coi monitor --json` says, as far as benchmarks ask for it. */
interface Watching {
  readonly monitoring: boolean;
  readonly sensors: readonly {
    readonly sensor: string;
    readonly state: string;
    readonly source: string;
    readonly because?: string;
  }[];
}

/** Key of a manifest that leaves its sandbox unwatched. */
export const unwatched = 'monitoring.enabled = false';

/** Waits until a sandbox is watched, or nobody is watched any more. @returns how processes are looked at */
export async function untilWatched({ lab, env }: Stage, name: string, isWatched: boolean): Promise<string> {
  const coi = await installedCoi();
  return until(`${name} to be ${isWatched ? 'watched' : 'unwatched'}`, () => look(), {
    timeoutMs: 60_000,
    everyMs: 500,
  });

  async function look(): Promise<string | undefined> {
    const { stdout } = await lab.run([coi, 'monitor', name, '--json'], { env });
    const { monitoring, sensors } = JSON.parse(stdout) as Watching;
    const sensor = sensors.find((each) => each.sensor === 'process');
    const isFallback = sensor?.state === 'fallback' && sensor.because !== 'bpftrace is starting';
    const isLooking = sensor?.state === 'active' || isFallback;
    return monitoring === isWatched && isLooking === isWatched ? (sensor?.source ?? 'nothing') : undefined;
  }
}
