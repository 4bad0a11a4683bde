import { usualLimits } from './usual-limits.ts';
import type { HeldDirectory } from '../../host/tree/held-directory.ts';
import { isMetadata } from './metadata.ts';
import { checkSessionId } from './session-id.ts';
import { betweenNames } from './staging.ts';

/** How much a session's data is. */
export interface SavedSize {
  /** Regular files: links are none. */
  readonly files: number;
  readonly bytes: number;
}

export const nothingSaved: SavedSize = { files: 0, bytes: 0 };

/** Counts the files of a session's data, as many as are ever saved; none where there is no session. */
export function savedSize(sessions: HeldDirectory, id: string): SavedSize {
  const name = betweenNames(sessions).get(checkSessionId(id)) ?? id;
  if (!sessions.look(name)?.isDirectory()) return nothingSaved;
  using session = sessions.open(name);
  const sizes = sizesIn(session, 0).take(usualLimits.maxEntries);
  return sizes.reduce(({ files, bytes }, size) => ({ files: files + 1, bytes: bytes + size }), nothingSaved);
}

/** Sizes in bytes. */
function* sizesIn(directory: HeldDirectory, depth: number): Generator<number, void> {
  for (const name of directory.names()) {
    const stats = directory.look(name);
    if (stats?.isFile() && !(depth === 0 && isMetadata(name.toString('latin1')))) yield stats.size;
    else if (stats?.isDirectory() && depth < usualLimits.maxDepth) {
      using inner = directory.open(name);
      yield* sizesIn(inner, depth + 1);
    }
  }
}
