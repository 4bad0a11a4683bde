/**
 * A process that becomes the owner of sessions, does one job and ends. It begins as whoever started it, so that the program
 * may lie where the owner cannot read it, and is the owner for good before it looks at anything: the job comes as one line
 * on its standard input, the files of the sandbox on descriptor 3, the outcome goes to its standard output as one line of
 * JSON. When its standard input ends, whoever wanted the job is gone, and so is the job.
 */
import { createInterface } from 'node:readline';
import { systemClock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { Sftp } from '../../host/incus/sftp/sftp.ts';
import type { Job } from './job.ts';
import { endWhenSilent } from '../../host/tree/end-when-silent.ts';
import { runJob } from './run-job.ts';

const input = createInterface({ input: process.stdin });
const { value: line } = await input[Symbol.asyncIterator]().next();
const { job, hasGuest } = JSON.parse(line as string) as { readonly job: Job; readonly hasGuest: boolean };
become(job.place.owner);
const outcome = await run(job, hasGuest).then(
  (result) => ({ result }),
  (error: unknown) => {
    if (!(error instanceof Problem)) throw error;
    const { code, message, hint, retry } = error;
    return { problem: { code, message, hint, retry } };
  },
);
process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0));

/** Gives up all that root may, in an order in which each step is still allowed. @see setgroups(2), setuid(2) */
function become({ uid, gid }: { readonly uid: number; readonly gid: number }): void {
  process.umask(0o077);
  process.chdir('/');
  if (process.geteuid!() === uid) return;
  process.setgroups!([]);
  process.setgid!(gid);
  process.setuid!(uid);
}

async function run(what: Job, hasFiles: boolean) {
  if (!hasFiles) return runJob(what);
  using sftp = await Sftp.onDescriptor(3);
  input.on('close', () => sftp[Symbol.dispose]());
  using _silence = endWhenSilent(sftp.channel, systemClock);
  return await runJob(what, sftp);
}
