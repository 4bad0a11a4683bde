import { systemClock as clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import type { OrphansReport } from '../../controller/control-api.ts';
import { classify } from '../../observe/owned.ts';
import { SavedSessions } from '../../session/save/saved-sessions.ts';
import { agentTools } from '../../session/tools/find-tool.ts';
import { ok, warning, type Finding, type HealthCheck } from '../check.ts';

/** How many containers of coi there are. */
export const activeContainersCheck: HealthCheck = {
  name: 'active_containers',
  group: 'STATUS',
  look: async (sight) => {
    const { instances } = await sight.requireIncus();
    const own = (await instances.list({ signal: sight.signal })).filter((each) => classify(each).kind === 'owned');
    const running = own.filter(({ state }) => state === 'running').length;
    return ok(`${own.length} containers, ${running} of them running`, { containers: own.length, running });
  },
};

/** How many sessions of this user are saved. */
export const savedSessionsCheck: HealthCheck = {
  name: 'saved_sessions',
  group: 'STATUS',
  look: async (sight) => {
    const owner = await sight.owner();
    const { signal } = sight;
    const counts = await Promise.all(
      agentTools.map(async ({ name: tool }) => {
        return [tool, (await new SavedSessions({ place: { owner, tool }, clock, signal }).list()).length] as const;
      }),
    );
    const total = counts.reduce((sum, [, count]) => sum + count, 0);
    return ok(`${total} saved sessions`, Object.fromEntries(counts));
  },
};

/** Whether something was left over that belongs to nobody. */
export const orphansCheck: HealthCheck = {
  name: 'orphaned_resources',
  group: 'STATUS',
  look: async (sight) => {
    const report = await sight.orphans();
    if (report) return judgeOrphans(report);
    throw new Problem({
      code: 'health.no-controller',
      message: 'no controller answers that knows what belongs to whom',
      hint: 'Look without one, as root: coi clean --orphans --dry-run',
    });
  },
};

/** What is left over; a rule that others may rely on is none. */
export function judgeOrphans({ orphans, problems }: OrphansReport): Finding {
  const found = orphans.filter(({ shared }) => shared !== true);
  const details = { orphans: found.map(({ kind, what }) => `${kind} ${what}`) };
  if (found.length > 0) {
    return warning(
      `${found.length} leftovers belong to nobody`,
      ['coi clean --orphans --dry-run', 'coi clean --orphans'],
      details,
    );
  }
  const [problem] = problems;
  if (problem) return { status: 'unknown', message: `not all could be looked at: ${problem.message}` };
  return ok('Nothing is left over');
}
