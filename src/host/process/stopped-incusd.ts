import { readdir, readFile } from 'node:fs/promises';

/**
 * Children that an incusd which died has left behind. While it makes an idmapped mount, incusd has a child that stops itself
 * and waits to be killed (see user_namespaces(7): somebody must be in the namespace whose map is wanted). When incusd dies at
 * that moment, the child stays with everything that was open, and the next incusd hangs on its database.
 */
export async function stoppedIncusd(): Promise<number[]> {
  const pids = (await readdir('/proc')).map(Number).filter(Number.isInteger);
  const found = await Promise.all(pids.map(async (pid) => ((await isStoppedIncusd(pid)) ? [pid] : [])));
  return found.flat();
}

async function isStoppedIncusd(pid: number): Promise<boolean> {
  const [stat, command] = await Promise.all([textOf(`/proc/${pid}/stat`), textOf(`/proc/${pid}/cmdline`)]);
  // The name in brackets may hold anything: see proc_pid_stat(5).
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'T' && parent === '1' && /^(?:[^\0]*\/)?incusd\0/.test(command);
}

/** Nothing when the process is gone. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
