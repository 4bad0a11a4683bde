import { reportFailure } from './failure.ts';
import { Interrupted, processIo } from './io.ts';
import { run } from './run.ts';

/** The program: standard streams and signals in, exit code out. */
export async function main(): Promise<void> {
  const ended = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const reason = new Interrupted(name);
      // The second one is from somebody who does not want to wait for the step at hand.
      if (ended.signal.aborted) process.exit(reason.exitCode);
      ended.abort(reason);
    });
  }
  const io = processIo(ended.signal);
  process.on('uncaughtException', (error) => process.exit(reportFailure(error, io)));
  for (const stream of [process.stdout, process.stderr]) stream.on('error', endWithReader);
  process.exitCode = await run(process.argv.slice(2), io);
}

/** Whoever reads our output has gone, as `coi events | head` does: end as programs do that SIGPIPE ends. */
function endWithReader(error: NodeJS.ErrnoException): void {
  // Also for errors of another kind: there is nobody to tell.
  process.exit(error.code === 'EPIPE' ? 141 : 1);
}
