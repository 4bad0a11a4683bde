import type { Exec } from '../host/incus/exec.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { InsideFile, InsideFiles } from './agent-recipe.ts';

/** Where to look. */
export interface InsidePlace {
  readonly exec: Pick<Exec, 'run'>;
  readonly instance: string;
  /** Home directory of the user, absolute. */
  readonly home: string;
  /** Number of the user inside: nothing of the host can be read by a link. */
  readonly user: number;
  readonly signal: AbortSignal;
}

/** Longest look inside, in milliseconds: whoever is inside must not hold up a start. */
const lookMs = 30_000;

/** Times and names of the newest files. Arguments: the home, and directories in it. */
const listNewest = `
cd "$1" || exit 0
shift
find "$@" -type f -exec stat -c '%Y %n' {} + 2>/dev/null | sort -rn | head -n 5000
`;

/** Reads the home directory of a running instance. */
export function insideFiles({ exec, instance, home, user, signal }: InsidePlace): InsideFiles {
  const place = { uid: user, gid: user, cwd: '/', signal, timeoutMs: lookMs };
  return {
    async read(path) {
      const { exitCode, stdout } = await exec.run(instance, ['cat', `${home}/${path}`], place);
      return exitCode === 0 ? stdout : undefined;
    },
    async newest(directories) {
      try {
        const words = ['sh', '-c', listNewest, 'sh', home, ...directories];
        return parseListing((await exec.run(instance, words, place)).stdout.toString('utf8'));
      } catch (error) {
        // An agent without its earlier conversation is better than none; what is wrong with Incus shows with the next call.
        if (isIncusError(error) && !signal.aborted) return [];
        throw error;
      }
    },
  };
}

/** What is no line of a time and a name is left out: names may hold anything. */
function parseListing(text: string): InsideFile[] {
  return text.split('\n').flatMap((line) => {
    const [, seconds, path] = /^(\d{1,12}) (.+)$/.exec(line) ?? [];
    return path === undefined ? [] : [{ path, modifiedAt: Number(seconds) * 1_000 }];
  });
}
