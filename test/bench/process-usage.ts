import { readFile } from 'node:fs/promises';

/** The kernel counts processor time in hundredths of a second: see times(2) and proc_pid_stat(5). */
const ticksPerSecond = 100;

/** Seconds of processor time that a process has used since it began, and its children that have ended. */
export interface ProcessorTime {
  readonly own: number;
  readonly children: number;
}

export async function processorTime(pid: number): Promise<ProcessorTime> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15);
  return { own: (user + system) / ticksPerSecond, children: (childUser + childSystem) / ticksPerSecond };
}

/** Resident memory in MiB: VmRSS of proc_pid_status(5). */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_024;
}
