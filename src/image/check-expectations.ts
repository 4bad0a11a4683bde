import { Problem } from '../base/problem.ts';
import { renderDuration } from '../base/units.ts';
import type { BuildLog } from './build-log.ts';
import { usualTimeoutMs, type Expectation } from './definition.ts';
import { runLong, runScript, type Guest } from './guest.ts';

/**
 * See that a finished image can do what it is to.
 *
 * @throws {Problem} `image.expectation` with the last lines of what was printed
 */
export async function checkExpectations(
  guest: Guest,
  expectations: readonly Expectation[],
  log: BuildLog,
): Promise<void> {
  for (const expectation of expectations) await checkOne(guest, expectation, log);
}

async function checkOne(guest: Guest, { command, user }: Expectation, log: BuildLog): Promise<void> {
  await log.begin(`check: ${command.join(' ')}`);
  const { home, ...ids } = await find(guest, user);
  const env = { HOME: home, USER: user };
  const run = { argv: command, user: ids, env, output: log.take, timeoutMs: usualTimeoutMs };
  const exitCode = await runLong(guest, run);
  if (exitCode === 0) return;
  const lines = log.lastLines().map((line) => `\n  ${line}`);
  throw new Problem({
    code: 'image.expectation',
    message: `The image is not as expected: ${JSON.stringify(command.join(' '))} as ${user} ${exitCode === undefined ? `did not end within ${renderDuration(usualTimeoutMs)}` : `ended with exit code ${exitCode}`}${lines.join('')}`,
  });
}

interface Found {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

async function find(guest: Guest, user: string): Promise<Found> {
  const script = 'id -u "$1" && id -g "$1" && sed -n "s/^$1:\\([^:]*:\\)\\{4\\}\\([^:]*\\):.*/\\2/p" /etc/passwd';
  const { exitCode, stdout } = await runScript(guest, script, { args: [user] });
  const [uid = '', gid = '', home = ''] = stdout.toString('utf8').split('\n');
  const isFound = exitCode === 0 && [uid, gid].every((id) => /^\d{1,10}$/.test(id));
  if (isFound) return { uid: Number(uid), gid: Number(gid), home: home || '/' };
  throw new Problem({ code: 'image.expectation', message: `The image is not as expected: it has no user "${user}"` });
}
