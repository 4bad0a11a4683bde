import { usualLimits } from './entry.ts';
import { below } from './guest-place.ts';
import type { HeldDirectory } from './held-directory.ts';
import { isMetadata } from './metadata.ts';
import { checkSessionId } from './session-id.ts';
import { betweenNames } from './staging.ts';

/** A file of a session's data. */
export interface SavedFile {
  /** Relative to the home inside. */
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since 1970, as it was inside. */
  readonly modifiedAt: number;
}

/** The regular files of a session's data whose names are UTF-8, as many as are ever saved; none where there is no session. */
export function savedFiles(sessions: HeldDirectory, id: string): SavedFile[] {
  const name = betweenNames(sessions).get(checkSessionId(id)) ?? id;
  if (!sessions.look(name)?.isDirectory()) return [];
  using session = sessions.open(name);
  const isData = ({ path }: SavedFile) => !isMetadata(path);
  return filesIn(session, Buffer.alloc(0), 0).filter(isData).take(usualLimits.maxEntries).toArray();
}

function* filesIn(directory: HeldDirectory, above: Buffer, depth: number): Generator<SavedFile, void> {
  for (const name of directory.names()) {
    const [path, stats] = [below(above, name), directory.look(name)];
    const text = path.toString('utf8');
    if (stats?.isFile() && Buffer.from(text).equals(path)) {
      yield { path: text, bytes: stats.size, modifiedAt: stats.mtimeMs };
    } else if (stats?.isDirectory() && depth < usualLimits.maxDepth) {
      using inner = directory.open(name);
      yield* filesIn(inner, path, depth + 1);
    }
  }
}
