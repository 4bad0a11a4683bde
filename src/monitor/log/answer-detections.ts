import { messageOf, Problem } from '../../base/problem.ts';
import type { Clock } from '../../base/clock.ts';
import type { MonitorApi } from '../../controller/monitor-api.ts';
import { followDetections, readDetections } from './read.ts';

/**
 * Answer `coi monitor audit` from the detection logs.
 *
 * @throws {Problem} `monitor.no-detections`; `monitor.unreadable` when this user may not read the log, or the disk refuses
 * @throws the reason of the query's signal when it aborts
 */
export async function* answerDetections(
  { stateDir, clock }: { readonly stateDir: string; readonly clock: Clock },
  { follow, signal, ...query }: Parameters<MonitorApi['detections']>[0],
): ReturnType<MonitorApi['detections']> {
  const wanted = { stateDir, ...query };
  try {
    const records = follow ? followDetections({ ...wanted, clock, signal }) : await readDetections(wanted);
    for await (const record of records) yield { ...record };
  } catch (cause) {
    if (signal.aborted || cause instanceof Problem) throw cause;
    throw new Problem({
      code: 'monitor.unreadable',
      message: `Cannot read the detection log of "${query.name}": ${messageOf(cause)}`,
      hint: 'It is for root: run this with sudo, or start the controller, which answers the group of its socket',
      cause,
    });
  }
}
