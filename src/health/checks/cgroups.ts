import { readOptional } from '../../host/neighbours/files.ts';
import { failed, ok, type Finding, type HealthCheck } from '../check.ts';

/** What limits need. The freezer is one of the older version alone: the newer one freezes without. */
const needed = ['cpu', 'memory', 'pids'];

/** Whether the kernel can hold sandboxes to their limits. */
export const cgroupCheck: HealthCheck = {
  name: 'cgroup_availability',
  group: 'SYSTEM',
  look: async () => {
    const unified = await readOptional('/sys/fs/cgroup/cgroup.controllers');
    return judgeCgroups(unified, (await readOptional('/proc/cgroups')) ?? '');
  },
};

/**
 * What the kernel's controllers make possible. See cgroups(7).
 *
 * @param unified `cgroup.controllers` of the root where version 2 is mounted there
 * @param all text of /proc/cgroups
 */
export function judgeCgroups(unified: string | undefined, all: string): Finding {
  const there = unified === undefined ? mountedIn(all) : unified.split(/\s+/).filter(Boolean);
  const wanted = unified === undefined ? [...needed, 'freezer'] : needed;
  const version = unified === undefined ? 'version 1, or both versions side by side' : 'version 2';
  const missing = wanted.filter((name) => !there.includes(name));
  if (missing.length === 0) return ok(`Control groups are ${version}, with all controllers that limits need`);
  return failed(`Control groups are ${version}, without ${missing.join(', ')}: limits cannot be held`, [
    `# Start the kernel without cgroup_disable=${missing.join(',')}, or one that has them built in.`,
  ]);
}

/** Lines of name, hierarchy, number of groups, and whether it is enabled; hierarchy 0 is none of version 1. */
function mountedIn(all: string): string[] {
  const lines = all.split('\n').map((line) => line.split('\t'));
  return lines.flatMap(([name = '', hierarchy, , enabled]) => (enabled === '1' && hierarchy !== '0' ? [name] : []));
}
