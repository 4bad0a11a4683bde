import type { Stats } from 'node:fs';
import { nameFault } from './fresh-landing.ts';
import { codeOf, type HeldDirectory } from './held-directory.ts';
import { type LandedDirectory, type LandedFile, type Landing, Taken, temporaryName } from './landing.ts';
import type { LeftOutReason } from './left-out.ts';

/** What the system says of one place, and not of the whole disk. */
const placeFaults = new Set(['EACCES', 'EPERM', 'EROFS', 'EISDIR', 'ENOTDIR', 'ELOOP', 'EBUSY', 'ETXTBSY']);

/**
 * Directories that people use: files and links replace those of the same name, directories are merged, and something of
 * another kind is left as it is. A file has its name once it is complete. Links are never followed. Permissions are
 * without those of setuid, setgid and sticky and without what the umask takes away; a directory that was there keeps its own.
 */
export class MergeLanding implements Landing {
  readonly #umask: number;

  constructor(umask: number) {
    this.#umask = umask;
  }

  directory(parent: HeldDirectory, name: Buffer): LandedDirectory {
    const isNew = !requireKind(parent.look(name), (stats) => stats.isDirectory());
    return { held: isNew ? parent.make(name) : parent.open(name), isNew };
  }

  file(parent: HeldDirectory, name: Buffer): LandedFile {
    requireKind(parent.look(name), (stats) => stats.isFile());
    const temporary = temporaryName();
    return {
      fd: parent.create(temporary),
      keep: () => parent.rename(temporary, name),
      drop: () => parent.removeIfThere(temporary),
    };
  }

  link(parent: HeldDirectory, name: Buffer, target: Buffer): void {
    const isThere = requireKind(parent.look(name), (stats) => stats.isSymbolicLink());
    if (!isThere) return parent.makeLink(name, target);
    const temporary = temporaryName();
    parent.makeLink(temporary, target);
    try {
      parent.rename(temporary, name);
    } catch (error) {
      parent.removeIfThere(temporary);
      throw error;
    }
  }

  mode(mode: number): number {
    return mode & 0o777 & ~this.#umask;
  }

  reason(error: unknown): LeftOutReason | undefined {
    if (error instanceof Taken) return 'exists';
    return placeFaults.has(codeOf(error) ?? '') ? 'unwritable' : nameFault(error);
  }
}

/** Whether something is there. @throws {Taken} when it is of another kind */
function requireKind(stats: Stats | undefined, isKind: (stats: Stats) => boolean): boolean {
  if (stats && !isKind(stats)) throw new Taken();
  return stats !== undefined;
}
