import { statSync } from 'node:fs';
import { mkdir, open, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { messageOf, Problem } from '../base/problem.ts';

/** The right to reconcile on this host, held until it is disposed of or the process dies. */
export interface ControllerLock extends AsyncDisposable {
  /** Whether the file that is locked is still the one that others would lock. */
  isHeld(): boolean;
}

/**
 * Take the lock of the host's one controller, or fail at once.
 *
 * The lock is SQLite's exclusive one, a record lock of the kernel (fcntl(2)), because Node cannot lock files itself. It dies
 * with the process, however that dies. The file is its owner's alone: anybody who may read it could keep it locked. No other
 * code may open it in this process: closing any descriptor of it would drop the lock.
 *
 * @throws {Problem} `controller.already-running` when another process holds it
 * @throws {Problem} `controller.lock-unsafe` when somebody else owns the file or may open it
 * @throws {Problem} `controller.lock` when the file cannot be made
 * @see https://sqlite.org/lockingv3.html
 */
export async function acquireLock(path: string): Promise<ControllerLock> {
  await prepareFile(path);
  const inode = inodeOf(path);
  const database = openDatabase(path);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? await alreadyRunning(path, error) : lockProblem(path, error);
  }
  await writeFile(holderPath(path), `${process.pid}\n`, { mode: 0o644 });
  return {
    isHeld: () => inodeOf(path) === inode,
    [Symbol.asyncDispose]: async () => database.close(),
  };
}

/** Only made when it is not there: opening and closing it later would drop a lock that this process holds. */
async function prepareFile(path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    throw lockProblem(path, error);
  }
  try {
    await using _ = await open(path, 'wx', 0o600);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw lockProblem(path, error);
  }
  const { uid, mode } = await stat(path);
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return;
  throw new Problem({
    code: 'controller.lock-unsafe',
    message: `Cannot use the lock ${path}: others than this user may open it`,
    hint: `Remove ${path} while no controller runs, then try again.`,
  });
}

function openDatabase(path: string): DatabaseSync {
  try {
    return new DatabaseSync(path, { timeout: 0 });
  } catch (error) {
    throw lockProblem(path, error);
  }
}

async function alreadyRunning(path: string, cause: unknown): Promise<Problem> {
  const pid = await holder(path);
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return new Problem({
    code: 'controller.already-running',
    message: `Cannot reconcile: ${who} already does on this host (${path} is locked)`,
    hint: 'Use that one, or stop it first: there is one controller per host.',
    cause,
  });
}

async function holder(path: string): Promise<number | undefined> {
  try {
    const pid = Number(await readFile(holderPath(path), 'utf8'));
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined;
  } catch (error) {
    // The holder has the lock but has not yet said who it is, or somebody removed the note.
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function holderPath(path: string): string {
  return `${path}.pid`;
}

function lockProblem(path: string, cause: unknown): Problem {
  return new Problem({
    code: 'controller.lock',
    message: `Cannot take the lock ${path}: ${messageOf(cause)}`,
    hint: 'Run the controller as root; check the directory and whether its file system is full or read-only.',
    cause,
  });
}

/** Undefined when it is gone: then it is not the file that is locked. */
function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino;
}

/** SQLITE_BUSY, also in its extended forms. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
