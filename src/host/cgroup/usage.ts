import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PayloadGroup } from './payload.ts';

/** What a container uses, all that is below its group included. */
export interface GroupUsage {
  /** Since the group came to be, in seconds. */
  readonly cpuSeconds: number;
  readonly userSeconds: number;
  readonly systemSeconds: number;
  /** Bytes, page cache included; undefined where nobody counts them. */
  readonly memoryBytes: number | undefined;
  /** Bytes; undefined without a limit. */
  readonly memoryLimitBytes: number | undefined;
  readonly processes: number | undefined;
}

/** The kernel's unit for times of processes in version 1, per second: USER_HZ, the same on every machine that Linux runs on now. */
const ticks = 100;

/** Beyond this a limit of version 1 is none: the kernel writes the largest number of pages that it can count. */
const unlimited = 2 ** 60;

/**
 * Reads what a container uses, by its groups. Does not block. What is not counted is 0, or undefined.
 *
 * @see Linux documentation, "Control Group v2"; "cgroup v1", cpuacct, memory, pids
 */
export function readUsage(groups: readonly PayloadGroup[]): GroupUsage {
  const v1 = (controller: string) => groups.find(({ controllers }) => controllers.includes(controller));
  const v2 = groups.find(({ version }) => version === 2);
  const memory = v1('memory');
  const limit = numberIn(memory ? [memory, 'memory.limit_in_bytes'] : [v2, 'memory.max']);
  return {
    ...readCpu(v1('cpuacct'), v2),
    memoryBytes: numberIn(memory ? [memory, 'memory.usage_in_bytes'] : [v2, 'memory.current']),
    memoryLimitBytes: limit !== undefined && limit < unlimited ? limit : undefined,
    processes: numberIn([v1('pids') ?? v2, 'pids.current']),
  };
}

type Cpu = Pick<GroupUsage, 'cpuSeconds' | 'userSeconds' | 'systemSeconds'>;

function readCpu(v1: PayloadGroup | undefined, v2: PayloadGroup | undefined): Cpu {
  if (v1) {
    const stat = readText([v1, 'cpuacct.stat']) ?? '';
    return {
      cpuSeconds: (numberIn([v1, 'cpuacct.usage']) ?? 0) / 1e9,
      userSeconds: named(stat, 'user') / ticks,
      systemSeconds: named(stat, 'system') / ticks,
    };
  }
  const stat = readText([v2, 'cpu.stat']) ?? '';
  return {
    cpuSeconds: named(stat, 'usage_usec') / 1e6,
    userSeconds: named(stat, 'user_usec') / 1e6,
    systemSeconds: named(stat, 'system_usec') / 1e6,
  };
}

function named(text: string, key: string): number {
  return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

type Place = readonly [group: PayloadGroup | undefined, file: string];

/** @returns undefined for what is no number, such as `max` */
function numberIn(place: Place): number | undefined {
  const text = readText(place)?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function readText([group, file]: Place): string | undefined {
  if (!group) return undefined;
  try {
    return readFileSync(join(group.dir, file), 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The container has ended, or this controller is not switched on for it.
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EOPNOTSUPP') return undefined;
    throw error;
  }
}
