import { Problem } from '../base/problem.ts';
import type { BuildLog } from './build-log.ts';
import type { Expectation } from './definition.ts';
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
  const { uid, home } = await find(guest, user);
  const exitCode = await runLong(guest, { argv: command, uid, env: { HOME: home, USER: user }, output: log.take });
  if (exitCode === 0) return;
  const lines = log.lastLines().map((line) => `\n  ${line}`);
  throw new Problem({
    code: 'image.expectation',
    message: `The image is not as expected: ${JSON.stringify(command.join(' '))} as ${user} ended with exit code ${exitCode}${lines.join('')}`,
  });
}

async function find(guest: Guest, user: string): Promise<{ readonly uid: number; readonly home: string }> {
  const script = 'id -u "$1" && sed -n "s/^$1:\\([^:]*:\\)\\{4\\}\\([^:]*\\):.*/\\2/p" /etc/passwd';
  const { exitCode, stdout } = await runScript(guest, script, { args: [user] });
  const [uid = '', home = ''] = stdout.toString('utf8').split('\n');
  if (exitCode === 0 && /^\d{1,10}$/.test(uid)) return { uid: Number(uid), home: home || '/' };
  throw new Problem({ code: 'image.expectation', message: `The image is not as expected: it has no user "${user}"` });
}
