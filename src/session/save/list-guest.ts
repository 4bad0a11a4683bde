import type { NamedFile, Sftp } from '../../host/incus/sftp/sftp.ts';
import { SftpError } from '../../host/incus/sftp/sftp-error.ts';
import type { DirectoryEntry, Entry, SaveLimits } from './entry.ts';
import { below, exclusion, type GuestPlace, namesOf } from './guest-place.ts';
import { isName } from './held-directory.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';

/** Directories that are listed at once. */
const atOnce = 8;

/** What {@link GuestList} is made from. */
export interface GuestListInit {
  readonly sftp: Sftp;
  readonly place: GuestPlace;
  readonly limits: Pick<SaveLimits, 'maxEntries' | 'maxDepth'>;
  readonly leftOut: LeftOut;
}

/**
 * Lists what of a sandbox is a tool's state. Whoever is root inside decides what there is: links are never followed, and
 * neither depth nor number of entries goes beyond the limits. What is nearer to the home comes first, so that a
 * directory stuffed with files does not crowd out what lies beside it.
 */
export class GuestList {
  readonly #init: GuestListInit;
  readonly #isExcluded: (path: Buffer) => boolean;
  #left: number;

  constructor(init: GuestListInit) {
    this.#init = init;
    this.#isExcluded = exclusion(init.place);
    this.#left = init.limits.maxEntries;
  }

  /** The home with the state in it; undefined when there is none. */
  async read(): Promise<DirectoryEntry | undefined> {
    const home: DirectoryEntry = { kind: 'directory', name: nothing, path: nothing, mode: 0o700, children: [] };
    const found: DirectoryEntry[] = [];
    for (const path of this.#init.place.paths) {
      const entry = await this.#find(home, namesOf(path));
      if (entry?.kind === 'directory') found.push(entry);
    }
    for (let level = found, depth = 1; level.length > 0; depth += 1) level = await this.#level(level, depth);
    return home.children.length > 0 ? home : undefined;
  }

  /** What a path leads to, put below the home with the directories above it. */
  async #find(home: DirectoryEntry, names: readonly Buffer[]): Promise<Entry | undefined> {
    const way: Entry[] = [];
    for (const name of names) {
      const path = below(way.at(-1)?.path ?? nothing, name);
      const attributes = await this.#init.sftp.look(this.#inside(path));
      const entry = attributes && this.#entry({ name, attributes }, path);
      if (!entry || (entry.kind !== 'directory' && way.length < names.length - 1)) return undefined;
      way.push(entry);
    }
    return way.reduce<Entry>((parent, entry) => adopt(parent as DirectoryEntry, entry), home);
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
    try {
      await this.#init.sftp.list(this.#inside(directory.path), (files) => {
        for (const file of files) this.#take(directory, file);
        if (this.#left <= 0) throw new TooMany();
      });
    } catch (error) {
      if (error instanceof TooMany) this.#init.leftOut.add('too-many', directory.path);
      else if (error instanceof SftpError) this.#init.leftOut.add('unreadable', directory.path);
      else throw error;
    }
    return directory.children.filter((entry) => entry.kind === 'directory');
  }

  #take(directory: DirectoryEntry, file: NamedFile): void {
    if (this.#left <= 0) return;
    // Whatever it is: what is not copied takes its time, too.
    this.#left -= 1;
    const path = below(directory.path, file.name);
    if (!isName(file.name)) return this.#init.leftOut.add('name', path);
    if (this.#isExcluded(path)) return;
    const entry = this.#entry(file, path);
    if (entry) directory.children.push(entry);
    else this.#init.leftOut.add('kind', path);
  }

  #entry({ name, attributes }: NamedFile, path: Buffer): Entry | undefined {
    const { kind, size, mode, modifiedS } = attributes;
    if (kind === 'file') return { kind, name, path, size, mode, modifiedS };
    if (kind === 'symlink') return { kind, name, path };
    return kind === 'directory' ? { kind, name, path, mode, children: [] } : undefined;
  }

  #inside(path: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#init.place.home}/`), path]);
  }
}

class TooMany extends Error {}

const nothing = Buffer.alloc(0);

/** Puts an entry below a directory unless it has one of that name. @returns the one it has now */
function adopt(parent: DirectoryEntry, entry: Entry): Entry {
  const known = parent.children.find(({ name }) => name.equals(entry.name));
  if (!known) parent.children.push(entry);
  return known ?? entry;
}
