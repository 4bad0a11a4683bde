import type { DirectoryEntry, Entry } from '../../host/tree/entry.ts';
import { below, inside } from '../../host/tree/guest-path.ts';
import { entryOf, TreeList, type TreeListInit } from '../../host/tree/list-tree.ts';
import { exclusion, type GuestPlace, namesOf } from './guest-place.ts';

/** What {@link GuestList} is made from. */
export interface GuestListInit extends Pick<TreeListInit, 'sftp' | 'limits' | 'leftOut'> {
  readonly place: GuestPlace;
}

/** Lists what of a sandbox is a tool's state. */
export class GuestList {
  readonly #init: GuestListInit;
  readonly #base: Buffer;

  constructor(init: GuestListInit) {
    this.#init = init;
    this.#base = Buffer.from(init.place.home);
  }

  /** The home with the state in it; undefined when there is none. */
  async read(): Promise<DirectoryEntry | undefined> {
    const { place, ...init } = this.#init;
    const home: DirectoryEntry = { kind: 'directory', name: nothing, path: nothing, mode: 0o700, children: [] };
    const found: DirectoryEntry[] = [];
    for (const path of place.paths) {
      const entry = await this.#find(home, namesOf(path));
      if (entry?.kind === 'directory') found.push(entry);
    }
    await new TreeList({ ...init, base: this.#base, isExcluded: exclusion(place) }).find(found);
    return home.children.length > 0 ? home : undefined;
  }

  /** What a path leads to, put below the home with the directories above it. */
  async #find(home: DirectoryEntry, names: readonly Buffer[]): Promise<Entry | undefined> {
    const way: Entry[] = [];
    for (const name of names) {
      const path = below(way.at(-1)?.path ?? nothing, name);
      const attributes = await this.#init.sftp.look(inside(this.#base, path));
      const entry = attributes && entryOf({ name, attributes }, path);
      if (!entry || (entry.kind !== 'directory' && way.length < names.length - 1)) return undefined;
      way.push(entry);
    }
    return way.reduce<Entry>((parent, entry) => adopt(parent as DirectoryEntry, entry), home);
  }
}

const nothing = Buffer.alloc(0);

/** Puts an entry below a directory unless it has one of that name. @returns the one it has now */
function adopt(parent: DirectoryEntry, entry: Entry): Entry {
  const known = parent.children.find(({ name }) => name.equals(entry.name));
  if (!known) parent.children.push(entry);
  return known ?? entry;
}
