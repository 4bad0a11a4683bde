import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';

/** Controllers that limits need, in cgroup v2's words; freezing is part of v2 itself and of no controller. */
const needed = ['cpu', 'cpuset', 'memory', 'io', 'pids'] as const;

/** What v1 calls otherwise, or has beside. */
const inV1: Readonly<Record<string, string>> = { io: 'blkio' };

/** Whether the kernel can hold sandboxes to their limits, by cgroup v2, or by v1 beside it. */
export const cgroupsCheck: HealthCheck = {
  name: 'cgroup_availability',
  group: 'MONITORING',
  look: async ({ machine: { read } }) => {
    const mounts = parseCgroups((await read('/proc/self/mounts')) ?? '');
    const listed = await Promise.all(mounts.v2.map(async (point) => (await read(`${point}/cgroup.controllers`)) ?? ''));
    return judgeCgroups({
      v1: mounts.v1,
      v2: mounts.v2.length > 0 ? listed.flatMap((text) => text.split(/\s+/).filter(Boolean)) : undefined,
    });
  },
};

/** Controllers of each version; for v2 undefined where it is not mounted. */
interface Cgroups {
  readonly v1: readonly string[];
  readonly v2: readonly string[] | undefined;
}

/** Mount points of v2, and options of v1's mounts, which name their controllers. @see proc_pid_mounts(5), cgroups(7) */
function parseCgroups(mounts: string): { readonly v1: readonly string[]; readonly v2: readonly string[] } {
  const fields = mounts.split('\n').map((line) => line.split(' '));
  return {
    v1: fields.flatMap(([, , type, options = '']) => (type === 'cgroup' ? options.split(',') : [])),
    v2: fields.flatMap(([, point = '', type]) => (type === 'cgroup2' ? [point] : [])),
  };
}

function judgeCgroups({ v1, v2 }: Cgroups): Finding {
  const unified = ['# Start the kernel with systemd.unified_cgroup_hierarchy=1, which is what distributions do today.'];
  if (v1.length === 0 && v2 === undefined) {
    return failed('There are no cgroups: no limit can be held, and no container starts', [
      'mount -t cgroup2 none /sys/fs/cgroup',
    ]);
  }
  const isIn1 = (name: string) => v1.includes(inV1[name] ?? name);
  const missing = needed.filter((name) => !isIn1(name) && !v2?.includes(name));
  const details = {
    version: v2 === undefined ? '1' : needed.some(isIn1) ? '1 and 2' : '2',
    missing: missing.join(', ') || 'none',
  };
  if (missing.length > 0) {
    return warning(
      `There is no cgroup controller ${missing.join(', ')}: limits that need it are refused`,
      unified,
      details,
    );
  }
  if (v2 === undefined) return warning('There is only cgroup v1, which Incus is about to give up', unified, details);
  return ok(
    `cgroup ${details.version === '2' ? 'v2 has' : 'v1 and v2 together have'} every controller that limits need`,
    details,
  );
}
