import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive, type HostProcess } from '../process/container-process.ts';

/** The group of one hierarchy that holds all of a container. */
export interface PayloadGroup {
  /** Of control groups. */
  readonly version: 1 | 2;
  /** What the hierarchy is for, such as `freezer`; none in version 2. */
  readonly controllers: readonly string[];
  /** Its directory on the host. */
  readonly dir: string;
}

interface Hierarchy {
  readonly version: 1 | 2;
  readonly controllers: readonly string[];
  readonly mountPoint: string;
  /** What of the hierarchy is mounted. */
  readonly root: string;
}

/** How LXC names the group that it makes for what runs inside, see lxc.container.conf(5), `lxc.cgroup.dir`. */
const payloadPrefix = 'lxc.payload';

/**
 * The groups of a container, by its init: its name says nothing, for a group of that name may be another one's. What is
 * inside can move init into groups below, and name those as it likes, so the topmost counts. Does not block.
 *
 * @returns none when the process has ended, or is in no container
 * @see cgroups(7), proc_pid_cgroup(5)
 */
export function payloadGroups(init: HostProcess): readonly PayloadGroup[] {
  const lines = cgroupLines(String(init.pid));
  const own = new Map(cgroupLines('self').map(({ id, path }) => [id, path]));
  const hierarchies = readHierarchies();
  const groups = lines.flatMap(({ id, controllers, path }): PayloadGroup[] => {
    const hierarchy = hierarchies.find((each) => fits(each, controllers));
    const payload = payloadPath(path, own.get(id) ?? '/');
    if (!hierarchy || payload === undefined || !payload.startsWith(hierarchy.root)) return [];
    const below = payload.slice(hierarchy.root.length);
    const { version, mountPoint } = hierarchy;
    return [{ version, controllers: hierarchy.controllers, dir: join(mountPoint, below) }];
  });
  // Its number may have become another one's while this was read.
  return isAlive(init) ? groups : [];
}

/** The path down to the container's own group. Where this host is a container itself, its own group may stand in front. */
export function payloadPath(path: string, own: string): string | undefined {
  const parts = path.split('/');
  const ownParts = own.split('/');
  const shared = parts.findIndex((part, at) => part !== ownParts[at]);
  const at = parts.findIndex((part, index) => index >= Math.max(shared, 0) && part.startsWith(payloadPrefix));
  return shared === -1 || at === -1 ? undefined : parts.slice(0, at + 1).join('/');
}

interface CgroupLine {
  readonly id: string;
  readonly controllers: string;
  readonly path: string;
}

function cgroupLines(pid: string): CgroupLine[] {
  return readText(`/proc/${pid}/cgroup`)
    .split('\n')
    .flatMap((line) => {
      const [, id, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
      return id === undefined ? [] : [{ id, controllers: controllers!, path: path! }];
    });
}

function fits({ version, controllers }: Hierarchy, named: string): boolean {
  return version === 2 ? named === '' : named !== '' && controllers.join() === named;
}

/** Mounted ones never change while a host runs. */
let known: readonly Hierarchy[] | undefined;

function readHierarchies(): readonly Hierarchy[] {
  known ??= parseHierarchies(readText('/proc/self/mountinfo'));
  return known;
}

/** Control group hierarchies in a mount table, see proc_pid_mountinfo(5). */
export function parseHierarchies(text: string): Hierarchy[] {
  return text.split('\n').flatMap((line): Hierarchy[] => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , , root = '', mountPoint = ''] = before.split(' ');
    const [type, , options = ''] = after.split(' ');
    const shown = root === '/' ? '' : root;
    if (type === 'cgroup2') return [{ version: 2, controllers: [], mountPoint, root: shown }];
    if (type !== 'cgroup') return [];
    const controllers = options.split(',').filter((option) => !mountOptions.has(option) && !option.includes('agent='));
    return [{ version: 1, controllers, mountPoint, root: shown }];
  });
}

/** Words among the options of a mount that name no controller. */
const mountOptions = new Set(['rw', 'ro', 'xattr', 'clone_children', 'noprefix', 'cpuset_v2_mode', 'favordynmods']);

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It ended before or while it was read.
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
