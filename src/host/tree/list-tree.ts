import { SftpError } from '../incus/sftp/sftp-error.ts';
import type { NamedFile, Sftp } from '../incus/sftp/sftp.ts';
import type { DirectoryEntry, Entry, TreeLimits } from './entry.ts';
import { below, inside } from './guest-path.ts';
import { isName } from './held-directory.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';

/** Directories that are listed at once. */
const atOnce = 8;

/** What {@link TreeList} is made from. */
export interface TreeListInit {
  readonly sftp: Sftp;
  /** What paths are relative to: absolute, empty for the root. */
  readonly base: Buffer;
  readonly limits: Pick<TreeLimits, 'maxEntries' | 'maxDepth'>;
  readonly leftOut: LeftOut;
  /** Ends it before its time. */
  readonly signal?: AbortSignal;
  /** Paths that are passed over. */
  readonly isExcluded?: (path: Buffer) => boolean;
}

/**
 * Lists trees inside. Whoever is root there decides what there is: links are never followed, and neither depth nor number
 * of entries goes beyond the limits. What is nearer to the top comes first, so that a directory stuffed with files does
 * not crowd out what lies beside it.
 */
export class TreeList {
  readonly #init: TreeListInit;
  #left: number;

  constructor(init: TreeListInit) {
    this.#init = init;
    this.#left = init.limits.maxEntries;
  }

  /** Finds all that is in some directories, and has them hold it. */
  async find(directories: readonly DirectoryEntry[]): Promise<void> {
    for (let level = directories, depth = 1; level.length > 0; depth += 1) level = await this.#level(level, depth);
  }

  async #level(directories: readonly DirectoryEntry[], depth: number): Promise<DirectoryEntry[]> {
    const pool = new Pool(atOnce);
    const next: DirectoryEntry[] = [];
    for (const directory of directories) {
      await pool.begin(async () => {
        if (depth < this.#init.limits.maxDepth) next.push(...(await this.#children(directory)));
        else this.#init.leftOut.add('too-deep', directory.path);
      });
    }
    await pool.end();
    return next;
  }

  async #children(directory: DirectoryEntry): Promise<DirectoryEntry[]> {
    const { sftp, base, leftOut, signal } = this.#init;
    try {
      await sftp.list(inside(base, directory.path), (files) => {
        signal?.throwIfAborted();
        for (const file of files) this.#take(directory, file);
        if (this.#left <= 0) throw new TooMany();
      });
    } catch (error) {
      if (error instanceof TooMany) leftOut.add('too-many', directory.path);
      else if (error instanceof SftpError) leftOut.add('unreadable', directory.path);
      else throw error;
    }
    return directory.children.filter((entry) => entry.kind === 'directory');
  }

  #take(directory: DirectoryEntry, file: NamedFile): void {
    if (this.#left <= 0) return;
    const { leftOut, isExcluded } = this.#init;
    // Whatever it is: what is not copied takes its time, too.
    this.#left -= 1;
    const path = below(directory.path, file.name);
    if (!isName(file.name)) return leftOut.add('name', path);
    if (isExcluded?.(path)) return;
    const entry = entryOf(file, path);
    if (entry) directory.children.push(entry);
    else leftOut.add('kind', path);
  }
}

class TooMany extends Error {}

/** Something to copy; undefined for what is neither file, link nor directory. */
export function entryOf({ name, attributes }: NamedFile, path: Buffer): Entry | undefined {
  const { kind, size, mode, modifiedS } = attributes;
  if (kind === 'file') return { kind, name, path, size, mode, modifiedS };
  if (kind === 'symlink') return { kind, name, path };
  return kind === 'directory' ? { kind, name, path, mode, children: [] } : undefined;
}
