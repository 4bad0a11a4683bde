import { Problem } from '../../base/problem.ts';
import { SftpError } from '../../host/incus/sftp/sftp-error.ts';
import type { Sftp } from '../../host/incus/sftp/sftp.ts';
import { below } from '../../host/tree/guest-path.ts';
import { exclusion, namesOf } from './guest-place.ts';
import type { HeldDirectory } from '../../host/tree/held-directory.ts';
import type { CopyResult, RestoreJob } from './job.ts';
import { LeftOut } from '../../host/tree/left-out.ts';
import { openSessions } from './open-sessions.ts';
import { peakMemory } from './peak-memory.ts';
import { TreeSend } from '../../host/tree/send-tree.ts';
import { settle } from './staging.ts';
import { requireSession } from './store.ts';

/** Puts a saved session into a sandbox. */
export async function restoreJob(job: RestoreJob, sftp: Sftp): Promise<CopyResult> {
  using sessions = openSessions(job.place, { make: false });
  if (sessions) settle(sessions);
  requireSession(sessions, job.id, job.workspace);
  await requireHome(job, sftp);
  using session = sessions!.open(job.id);
  const leftOut = new LeftOut();
  const base = Buffer.from(job.guest.home);
  const isExcluded = exclusion(job.guest);
  const send = new TreeSend({ sftp, base, isExcluded, owner: job.guestOwner, overLinks: true, leftOut });
  for (const path of job.guest.paths) await sendPath(send, session, namesOf(path));
  return { ...send.copied, leftOut: leftOut.report(), peakMemoryBytes: peakMemory() };
}

/** Sends what a path leads to, with the directories above it. */
async function sendPath(
  send: TreeSend,
  session: HeldDirectory,
  [name, ...rest]: readonly Buffer[],
  above: Buffer = nothing,
): Promise<void> {
  const path = below(above, name!);
  const stats = session.look(name!);
  if (!stats) return;
  if (rest.length === 0) return send.copy(session, path, name!);
  if (!stats.isDirectory() || !(await send.directory(path, stats.mode))) return;
  using directory = session.open(name!);
  await sendPath(send, directory, rest, path);
}

const nothing = Buffer.alloc(0);

async function requireHome({ guest, guestOwner }: RestoreJob, sftp: Sftp): Promise<void> {
  const home = await sftp.look(Buffer.from(guest.home)).catch((error: unknown) => {
    // A part of it is no directory.
    if (error instanceof SftpError) return undefined;
    throw error;
  });
  if (home?.kind === 'directory') return;
  throw new Problem({
    code: 'session.no-guest-home',
    message: `Cannot restore the session: there is no directory ${guest.home} inside for user ${guestOwner.uid}`,
    hint: 'Use an image that has it, such as coi.',
  });
}
