import { readdir, readFile } from 'node:fs/promises';

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

/** Seconds of processor time of a process and all below it, those that have ended and were waited for included. */
export async function treeTime(pid: number): Promise<number> {
  const of = await Promise.all((await treeOf(pid)).map((each) => processorTime(each).catch(() => undefined)));
  return of.reduce((sum, time) => sum + (time ? time.own + time.children : 0), 0);
}

/** Names of the programs below a process. */
export async function programsBelow(pid: number): Promise<string[]> {
  const below = (await treeOf(pid)).slice(1);
  const names = await Promise.all(below.map((each) => readFile(`/proc/${each}/comm`, 'utf8').catch(() => '')));
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

/** A process and all below it: see proc_pid_task_children of proc(5). */
async function treeOf(pid: number): Promise<number[]> {
  const found = [pid];
  for (const each of found) {
    // Each thread has children of its own.
    for (const thread of await readdir(`/proc/${each}/task`).catch(() => [])) {
      const list = await readFile(`/proc/${each}/task/${thread}/children`, 'utf8').catch(() => '');
      found.push(...list.split(' ').filter(Boolean).map(Number));
    }
  }
  return found;
}
