import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import type { ExecOptions } from '../host/incus/exec.ts';
import { printable } from './printable.ts';

/** Takes an archive of files, and leaves the environment where only the user inside finds it. */
const prepare = `
if [ "$1" = files ]; then tar -xf - -C "$HOME" || exit 126; fi
file=$(umask 077; mktemp /dev/shm/coi.XXXXXX || mktemp) && (unset PWD OLDPWD; export -p) >"$file" && echo "$file"
`;

const become = '. "$1"; rm -f "$1"; shift; exec "$@"';

/** An environment that waits inside for its program. */
export interface LeftEnvironment {
  /** What becomes that program, in this environment. */
  become(argv: readonly string[]): readonly string[];
}

/**
 * Leave an environment inside for a program that gets a terminal: what such a one reads is shown, and what stands in the
 * request for it is on command lines of the host. With `stdin`, an archive of files for the home goes in as well.
 *
 * @throws {Problem} `session.not-prepared`
 */
export async function leaveEnvironment(incus: Incus, instance: string, options: ExecOptions): Promise<LeftEnvironment> {
  const words = ['sh', '-c', prepare, 'coi', options.stdin === undefined ? 'none' : 'files'];
  const { exitCode, stdout, stderr } = await incus.exec.run(instance, words, options);
  if (exitCode !== 0) throw unprepared(stderr.toString('utf8'));
  const file = stdout.toString('utf8').trim();
  return { become: (argv) => ['sh', '-c', become, 'sh', file, ...argv] };
}

function unprepared(text: string): Problem {
  return new Problem({
    code: 'session.not-prepared',
    message: `Files and environment could not be put into the container: ${printable(text.trim())}`,
    hint: 'The image needs sh, mktemp and tar, and a home directory of the user inside.',
  });
}
