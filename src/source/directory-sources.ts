import { Problem } from '../base/problem.ts';
import { openDirectorySource, type FileSourceInit } from './directory.ts';
import type { Source } from './source.ts';

/**
 * Open several directories of manifests.
 *
 * @throws {Problem} `source.same-id` when two of them are marked as the same source, as copies and clones of one directory
 * are: each would take the other's sandboxes for undeclared
 */
export async function openDirectorySources(
  paths: readonly string[],
  init: Omit<FileSourceInit, 'path'>,
): Promise<Source[]> {
  const byId = new Map<string, Source>();
  for (const path of new Set(paths)) {
    const source = await openDirectorySource({ ...init, path });
    const other = byId.get(source.id);
    if (other) throw sameId(source, other);
    byId.set(source.id, source);
  }
  return [...byId.values()];
}

function sameId({ id, path }: Source, other: Source): Problem {
  return new Problem({
    code: 'source.same-id',
    message: `Cannot follow ${path}: its .coi-source marks it as ${id}, and so does the one in ${other.path}`,
    hint: `If it is a copy, run: rm '${path}/.coi-source'`,
    position: { file: path },
  });
}
