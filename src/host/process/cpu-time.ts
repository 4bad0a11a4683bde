import { readFileSync } from 'node:fs';

/** The kernel counts in these for everybody, whatever its own clock: USER_HZ, see times(2). */
const ticksPerSecond = 100;

/**
 * Seconds of processor time that a process used itself, without its children; undefined when there is none.
 *
 * @see proc_pid_stat(5), utime and stime
 */
export function cpuTimeOf(pid: number): number | undefined {
  let line: string;
  try {
    line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return undefined;
    throw error;
  }
  // Its name, in parentheses, may hold anything.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
