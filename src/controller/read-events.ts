import { followAudit, readAudit } from '../audit/read.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, Problem } from '../base/problem.ts';
import type { ControlApi } from './control-api.ts';

/**
 * Answer `coi events` from the audit log.
 *
 * @throws {Problem} `audit.unreadable` when this user may not read the log, or the disk refuses
 * @throws the reason of the query's signal when it aborts
 */
export async function* readEvents(
  { dir, clock }: { readonly dir: string; readonly clock: Clock },
  { name, since, limit, follow, signal }: Parameters<ControlApi['events']>[0],
): ReturnType<ControlApi['events']> {
  const wanted = {
    dir,
    ...(name !== undefined && { key: `sandbox/${name}` }),
    ...(since !== undefined && { since }),
    ...(limit !== undefined && { limit }),
  };
  try {
    const records = follow ? followAudit({ ...wanted, clock, signal }) : await readAudit(wanted);
    for await (const record of records) yield { ...record };
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new Problem({
      code: 'audit.unreadable',
      message: `Cannot read the audit log in ${dir}: ${messageOf(cause)}`,
      hint: 'It is for root: run this with sudo, or start the controller, which answers the group of its socket',
      cause,
    });
  }
}
