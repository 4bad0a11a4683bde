import { messageOf, Problem } from '../../base/problem.ts';
import { SftpError, SftpLost } from '../../host/incus/sftp/sftp-error.ts';
import type { Sftp } from '../../host/incus/sftp/sftp.ts';
import { codeOf, type HeldDirectory } from './held-directory.ts';
import type { Job, JobResults, StoreJob } from './job.ts';
import { openSessions, sessionsPath } from './open-sessions.ts';
import { restoreJob } from './restore-job.ts';
import { fullDisk, saveJob } from './save-job.ts';
import { nothingSaved, savedSize } from './saved-size.ts';
import {
  findSession,
  latestSession,
  listSessions,
  noteSession,
  removeAllSessions,
  removeSession,
  requireSession,
} from './store.ts';

/**
 * Does a job as the user that this process runs as.
 *
 * @param sftp into the sandbox, for jobs that have one
 * @throws {Problem} what a person can act on; anything else is a bug
 */
export async function runJob(job: Job, sftp?: Sftp): Promise<JobResults[Job['kind']]> {
  try {
    if (job.kind === 'save') return await saveJob(job, sftp!);
    if (job.kind === 'restore') return await restoreJob(job, sftp!);
    return runStoreJob(job);
  } catch (error) {
    throw explained(job, error);
  }
}

/** Does a job that has nothing to do with a sandbox, as the user that this process runs as. */
export function runStoreJob(job: StoreJob): JobResults[StoreJob['kind']] {
  using sessions = openSessions(job.place, { make: job.kind === 'note' });
  if (job.kind === 'require') return requireSession(sessions, job.id, job.workspace);
  return sessions ? inStore(sessions, job) : inNone[job.kind];
}

/** What there is where nothing was ever saved. */
const inNone = {
  list: [],
  size: nothingSaved,
  latest: null,
  find: null,
  remove: false,
  'remove-all': 0,
  note: false,
} as const;

function inStore(
  sessions: HeldDirectory,
  job: Exclude<StoreJob, { readonly kind: 'require' }>,
): JobResults[StoreJob['kind']] {
  switch (job.kind) {
    case 'list':
      return listSessions(sessions);
    case 'size':
      return savedSize(sessions, job.id);
    case 'latest':
      return latestSession(sessions, job.workspace) ?? null;
    case 'find':
      return findSession(sessions, job.id) ?? null;
    case 'remove':
      return removeSession(sessions, job.id);
    case 'remove-all':
      return removeAllSessions(sessions);
    case 'note':
      return noteSession(sessions, job.metadata);
  }
}

function explained(job: Job, error: unknown): unknown {
  if (error instanceof Problem) return error;
  const path = sessionsPath(job.place);
  const code = codeOf(error) ?? '';
  if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code)) return fullDisk(path, messageOf(error), error);
  if (error instanceof SftpLost || error instanceof SftpError) return lost(job, error);
  // Refused by the system, in the words of the call that it refused.
  return code === '' || code.startsWith('ERR_') ? error : refused(path, error);
}

function lost({ kind }: Job, cause: Error): Problem {
  return new Problem({
    code: 'session.guest-files',
    message: `Cannot ${kind} the session: ${cause.message}`,
    hint: 'It is tried again. See the log of incusd if it goes on.',
    retry: 'backoff',
    cause,
  });
}

function refused(path: string, cause: unknown): Problem {
  return new Problem({
    code: 'session.refused',
    message: `Cannot work in ${path}: ${messageOf(cause)}`,
    hint: 'Look at the owner, the permissions and the disk of what is named.',
    retry: 'backoff',
    cause,
  });
}
