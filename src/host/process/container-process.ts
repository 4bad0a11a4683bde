import { readFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';

/** One process of the host for good: its number alone may be another one's tomorrow. */
export interface HostProcess {
  readonly pid: number;
  /** Clock ticks between the start of the machine and its own. */
  readonly startedAt: string;
}

/** Enough for a script and the words behind it; what runs inside decides how long a command line is. */
const longestCommandLine = 16_384;

/**
 * The process that has this number now; undefined when there is none or it is dead and only waits to be reaped.
 * Does not block: the kernel answers from memory that nothing inside can hold back.
 *
 * @see proc_pid_stat(5), fields 3 and 22
 */
export function processAt(pid: number): HostProcess | undefined {
  const stat = absentAsUndefined(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The name, field 2, may hold spaces and brackets of its own.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state = 'X', startedAt] = [fields?.[0], fields?.[19]];
  return startedAt === undefined || 'ZXx'.includes(state) ? undefined : { pid, startedAt };
}

/** Whether it is still that process that has its number. */
export function isAlive({ pid, startedAt }: HostProcess): boolean {
  return processAt(pid)?.startedAt === startedAt;
}

/**
 * A process of a container by words that stand one after the other on its command line. It is looked for among the
 * children of the container's init, where every process ends up that was started from outside and left behind: nothing
 * of another container is ever read. Whoever is root inside can put up one that looks the same.
 *
 * @throws the signal's reason when it aborts
 * @see proc_pid_children(5), proc_pid_cmdline(5)
 */
export async function findChild(
  init: HostProcess,
  words: readonly string[],
  signal: AbortSignal,
): Promise<HostProcess | undefined> {
  const wanted = `\0${words.join('\0')}\0`;
  for (const pid of await childrenOf(init.pid)) {
    signal.throwIfAborted();
    const found = processAt(pid);
    const isIt = found && (await commandLine(pid)).includes(wanted);
    if (isIt && isAlive(found) && isAlive(init)) return found;
  }
  return undefined;
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(ofEnded);
  return text.split(' ').filter(Boolean).map(Number);
}

/** Its words, each with a NUL before and behind it. Read off the main thread: this is memory of what runs inside. */
async function commandLine(pid: number): Promise<string> {
  try {
    await using file = await open(`/proc/${pid}/cmdline`);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(longestCommandLine));
    return `\0${buffer.toString('utf8', 0, bytesRead)}`;
  } catch (error) {
    return ofEnded(error);
  }
}

/** A process that ended meanwhile has no children and no words. Anything else is thrown. */
function ofEnded(error: unknown): string {
  if (isEnded(error)) return '';
  throw error;
}

function absentAsUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isEnded(error)) return undefined;
    throw error;
  }
}

/** ENOENT before the file was opened, ESRCH after. */
function isEnded(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
