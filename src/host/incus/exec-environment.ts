import { randomUUID } from 'node:crypto';

/** A command and what it has to find on its standard input first. */
export interface Wrapped {
  readonly argv: readonly string[];
  readonly preamble: string;
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Reads lines until the one that is its first argument, runs them, and becomes the command. `read` takes no byte too many.
 */
const script =
  'm=$1 e=; shift; while IFS= read -r l && [ "$l" != "$m" ]; do e="$e$l\n"; done; eval "unset m e l\n$e"; exec "$@"'.replaceAll(
    '\\n',
    '\n',
  );

/**
 * Gives a command environment variables by its standard input. Incus' own `environment` would put the values on the
 * command line of the host's forkexec process, which every user of the host can read, and into its event stream.
 * Needs a POSIX sh inside.
 *
 * @throws {TypeError} for a name that is not one, or a value with a NUL.
 */
export function withEnvironment(argv: readonly string[], env: Readonly<Record<string, string>>): Wrapped {
  const entries = Object.entries(env);
  if (entries.length === 0) return { argv, preamble: '' };
  const end = `end-${randomUUID()}`;
  const lines = entries.map(([name, value]) => {
    if (!variableName.test(name))
      throw new TypeError(`Not a name for an environment variable: ${JSON.stringify(name)}`);
    if (value.includes('\0')) throw new TypeError(`The value of ${name} holds a NUL`);
    return `export ${name}='${value.replaceAll("'", "'\\''")}'\n`;
  });
  return { argv: ['/bin/sh', '-c', script, 'coi', end, ...argv], preamble: `${lines.join('')}${end}\n` };
}
