import { costOf, type DirectoryEntry, type FileEntry } from '../../host/tree/entry.ts';
import type { LeftOut } from '../../host/tree/left-out.ts';

/**
 * Takes out of a tree the largest files until the rest is within the limit: what a session needs is small, and what
 * somebody fills a disk with is not.
 *
 * @returns bytes that the rest takes
 */
export function keepWithin(root: DirectoryEntry, maxBytes: number, leftOut: LeftOut): number {
  const files = [...filesOf(root)].sort((one, other) => one.size - other.size);
  const dropped = new Set<FileEntry>();
  let total = 0;
  for (const file of files) {
    const isWithin = total + costOf(file) <= maxBytes;
    if (isWithin) total += costOf(file);
    else dropped.add(file);
  }
  if (dropped.size > 0) removeFrom(root, dropped);
  for (const { path } of dropped) leftOut.add('too-large', path);
  return total;
}

function* filesOf({ children }: DirectoryEntry): Generator<FileEntry> {
  for (const child of children) {
    if (child.kind === 'file') yield child;
    else if (child.kind === 'directory') yield* filesOf(child);
  }
}

function removeFrom(directory: DirectoryEntry, dropped: ReadonlySet<FileEntry>): void {
  directory.children = directory.children.filter((child) => child.kind !== 'file' || !dropped.has(child));
  for (const child of directory.children) if (child.kind === 'directory') removeFrom(child, dropped);
}
