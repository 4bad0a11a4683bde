import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Problem } from '../../base/problem.ts';
import type { Sftp } from '../../host/incus/sftp/sftp.ts';
import type { DirectoryEntry } from '../../host/tree/entry.ts';
import { freshLanding } from '../../host/tree/fresh-landing.ts';
import { TreeFetch } from '../../host/tree/fetch-tree.ts';
import type { HeldDirectory } from '../../host/tree/held-directory.ts';
import type { SaveJob, SaveResult } from './job.ts';
import { keepWithin } from './keep-within.ts';
import { LeftOut } from '../../host/tree/left-out.ts';
import { GuestList } from './list-guest.ts';
import { writeMetadata } from './metadata.ts';
import { openSessions, sessionsPath } from './open-sessions.ts';
import { peakMemory } from './peak-memory.ts';
import { removeTree } from './remove-tree.ts';
import { checkSessionId } from './session-id.ts';
import { promote, settle, stagingNames } from './staging.ts';
import { noteSession } from './store.ts';

/** What is left free on the owner's disk, whatever happens: 1 GiB, or a twentieth of a small disk. */
const [reserveBytes, reserveShare] = [2 ** 30, 0.05];

/**
 * Saves a session: a new copy beside the old one, whole and on the disk, then the swap. Until then the old copy is as it
 * was, and whatever ends this before leaves at most a directory that the next save removes.
 */
export async function saveJob(job: SaveJob, sftp: Sftp): Promise<SaveResult> {
  const id = checkSessionId(job.metadata.id);
  using sessions = openSessions(job.place, { make: true })!;
  settle(sessions);
  const leftOut = new LeftOut();
  const tree = await new GuestList({ sftp, place: job.guest, limits: job.limits, leftOut }).read();
  if (!tree) {
    noteSession(sessions, job.metadata);
    return { hadState: false, files: 0, links: 0, bytes: 0, leftOut: leftOut.report(), peakMemoryBytes: peakMemory() };
  }
  requireRoom(sessions, keepWithin(tree, job.limits.maxBytes, leftOut), job);
  const { fresh } = stagingNames(id);
  try {
    const copied = await write(job, { sessions, sftp, tree, leftOut });
    promote(sessions, id);
    return { hadState: true, ...copied, leftOut: leftOut.report(), peakMemoryBytes: peakMemory() };
  } finally {
    removeTree(sessions, fresh);
  }
}

interface Writing {
  readonly sessions: HeldDirectory;
  readonly sftp: Sftp;
  readonly tree: DirectoryEntry;
  readonly leftOut: LeftOut;
}

async function write({ metadata, guest }: SaveJob, { sessions, sftp, tree, leftOut }: Writing) {
  using target = sessions.make(stagingNames(metadata.id).fresh);
  const base = Buffer.from(guest.home);
  const copied = await new TreeFetch({ sftp, base, landing: freshLanding, leftOut }).copy(tree, target);
  await syncFileSystem(target);
  // Last: what has metadata is complete.
  writeMetadata(target, { ...metadata, leftOut: leftOut.report().count });
  return copied;
}

function requireRoom(sessions: HeldDirectory, needed: number, { place, metadata }: SaveJob): void {
  const { free, total } = sessions.space();
  const reserve = Math.min(reserveBytes, total * reserveShare);
  if (needed + reserve <= free) return;
  throw fullDisk(
    sessionsPath(place),
    `the session ${metadata.id} needs ${mebibytes(needed)} and ${mebibytes(free)} are free`,
  );
}

/** There is no room for a session where sessions are kept. */
export function fullDisk(path: string, why: string, cause?: unknown): Problem {
  return new Problem({
    code: 'session.disk-full',
    message: `Cannot save to ${path}: ${why}`,
    hint: 'Make room there; what was saved before is as it was. coi clean --sessions removes saved sessions.',
    retry: 'backoff',
    ...(cause === undefined ? {} : { cause }),
  });
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/**
 * Writes everything in memory to the file system's disk: syncfs(2), which is much less than fsync(2) of each file and which
 * Node lacks, by sync(1).
 */
async function syncFileSystem(directory: HeldDirectory): Promise<void> {
  const sync = spawn('sync', ['--file-system', '/proc/self/fd/3'], {
    stdio: ['ignore', 'ignore', 'pipe', directory.descriptor],
  });
  let said = '';
  sync.stderr!.on('data', (text: Buffer) => (said = (said + text.toString()).slice(0, 1_000)));
  const [code] = (await once(sync, 'close')) as [number | null];
  if (code === 0) return;
  throw new Problem({
    code: 'session.unwritten',
    message: `Cannot save the session: the disk did not take it (${said.trim() || `sync ended with ${code}`})`,
    hint: 'See the kernel log for errors of the disk. What was saved before is as it was.',
    retry: 'backoff',
  });
}
