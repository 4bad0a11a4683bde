/** Something to copy out of a sandbox. */
export type Entry = FileEntry | LinkEntry | DirectoryEntry;

interface Named {
  /** Its own name, as it is inside. */
  readonly name: Buffer;
  /** Relative to what is copied from. */
  readonly path: Buffer;
}

/** A regular file. */
export interface FileEntry extends Named {
  readonly kind: 'file';
  /** Bytes when it was looked at; more are not copied. */
  readonly size: number;
  readonly mode: number;
  readonly modifiedS: number;
}

/** A symbolic link, copied as one. */
export interface LinkEntry extends Named {
  readonly kind: 'symlink';
}

/** A directory and what is to be copied of it. */
export interface DirectoryEntry extends Named {
  readonly kind: 'directory';
  readonly mode: number;
  children: Entry[];
}

/** How much a copy may be. */
export interface TreeLimits {
  /** Bytes of all files together, each rounded up to 4 KiB. */
  readonly maxBytes: number;
  /** Files, links and directories. */
  readonly maxEntries: number;
  /** Directories one in the other, from the home on. */
  readonly maxDepth: number;
}

/** What a file takes on most file systems. */
export function costOf({ size }: FileEntry): number {
  return Math.ceil(size / 4_096) * 4_096;
}

/** Bytes of all files in a tree. */
export function sizeOf(entry: Entry): number {
  if (entry.kind === 'directory') return entry.children.reduce((sum, child) => sum + sizeOf(child), 0);
  return entry.kind === 'file' ? entry.size : 0;
}
