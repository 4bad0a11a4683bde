import type { OrphansReport } from '../../controller/control-api.ts';
import { ok, unknown, warning, type Finding, type HealthCheck } from '../check.ts';
import { orWarning } from '../unseen.ts';

/** Whether something was left over on the host, by coi or by the original coi. */
export const orphansCheck: HealthCheck = {
  name: 'orphaned_resources',
  group: 'STATUS',
  look: (sight) =>
    orWarning(async () => {
      const found = await sight.orphans();
      return found
        ? judgeOrphans(found)
        : unknown('No controller answers; this looks without one: sudo coi clean --orphans --dry-run');
    }),
};

/** Kinds that are named; all are in the details. */
const most = 5;

export function judgeOrphans({ orphans, problems }: OrphansReport): Finding {
  // What others may rely on is only removed when asked for by itself: it may well be theirs.
  const own = orphans.filter(({ shared }) => shared !== true);
  const details = { count: own.length, shared: orphans.length - own.length };
  if (own.length > 0) {
    const names = own.slice(0, most).map(({ kind, what }) => `${kind} ${what}`);
    const rest = own.length > most ? `, and ${own.length - most} more` : '';
    const fix = ['sudo coi clean --orphans --dry-run', 'sudo coi clean --orphans'];
    return warning(`Left over, and nobody's (${own.length}): ${names.join(', ')}${rest}`, fix, details);
  }
  if (problems.length > 0)
    return unknown(`Not everything could be looked at: ${problems.map((each) => each.message).join('; ')}`);
  return ok(details.shared > 0 ? 'Nothing is left over but what others may rely on' : 'Nothing is left over', details);
}
