import { Problem } from '../../base/problem.ts';
import { bind } from './bind.ts';
import { openOwn, openPath, type Handle } from './handle.ts';

/**
 * Hold the directory at a path of others, and show it at one of ours: from then on the path means nothing any more.
 *
 * @throws {Problem} `workspace.unsafe` when the path leads over a symbolic link or to no directory, `mount.failed`
 */
export async function show(path: string, target: string, signal: AbortSignal): Promise<void> {
  await using place = await openPath(path);
  if (place.kind !== 'directory') throw notADirectory(path);
  await bind({ source: place, target, isPrivate: true, signal });
  await using shown: Handle = await openOwn(target);
  if (shown.identity !== place.identity) throw notADirectory(path);
}

function notADirectory(path: string): Problem {
  return new Problem({
    code: 'workspace.unsafe',
    message: `"${path}" is not the directory that it was a moment ago`,
    hint: 'Name a directory',
    retry: 'backoff',
  });
}
