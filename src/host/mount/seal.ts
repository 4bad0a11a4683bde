import { constants } from 'node:fs';
import { chown, mkdir, open, readdir } from 'node:fs/promises';
import { messageOf } from '../../base/problem.ts';
import { bind } from './bind.ts';
import { openBelow, pathOf, type Handle } from './handle.ts';
import type { Missing, WishTree } from './wishes.ts';

/** A path that could not be protected, or not in full. */
export interface Fault {
  readonly path: string;
  readonly why: string;
}

/** What is mounted in a tree at a path of the workspace. */
export interface Layer {
  readonly path: string;
  readonly readonly: boolean;
}

/** What was made for lack of anything to protect; it goes again with the tree. */
export interface Made {
  readonly path: string;
  readonly missing: Missing;
}

/** What sealing came to. */
export interface Sealed {
  readonly layers: Layer[];
  readonly faults: Fault[];
  readonly made: Made[];
}

/** One directory in both views of the workspace: the tree that is being made, and one that is read-only. */
interface Level {
  readonly tree: Handle;
  readonly source: Handle;
  /** Of this directory, from the workspace; empty for itself. */
  readonly path: string;
}

/** Most entries of a protected directory that are looked at for further names. */
const mostEntries = 2_000;

/**
 * Cover every wished path with a read-only view of itself, and every directory above it with itself, which keeps it from
 * being renamed. One path that cannot be covered is a fault and changes nothing about the others. Nothing that is a
 * symbolic link is followed or covered.
 */
export async function seal(wishes: WishTree, level: Level, signal: AbortSignal): Promise<Sealed> {
  const sealed: Sealed = { layers: [], faults: [], made: [] };
  await sealLevel(wishes, level, { sealed, signal });
  sealed.layers.sort((a, b) => (a.path < b.path ? -1 : 1));
  return sealed;
}

interface Context {
  readonly sealed: Sealed;
  readonly signal: AbortSignal;
}

async function sealLevel(wishes: WishTree, level: Level, context: Context): Promise<void> {
  const each = [...wishes.below].map(async ([name, wish]) => {
    const path = level.path === '' ? name : `${level.path}/${name}`;
    try {
      await sealOne(wish, { ...level, name, path }, context);
    } catch (error) {
      context.signal.throwIfAborted();
      context.sealed.faults.push({ path, why: messageOf(error) });
    }
  });
  await Promise.all(each);
}

type At = Level & { readonly name: string };

async function sealOne(wish: WishTree, at: At, context: Context): Promise<void> {
  await using target = (await openBelow(at.tree, at.name)) ?? (await make(wish, at, context));
  await using source = await openBelow(at.source, at.name);
  if (target?.identity !== source?.identity || !target || !source) throw new Error('it changes while it is looked at');
  if (target.kind === 'link') throw new Error('it is a symbolic link');
  // Awaited here: what is held is let go when this function is left.
  if (wish.seal === undefined && target.kind === 'directory') return await enter(wish, at, { target, source }, context);
  await bind({ source, target, signal: context.signal });
  context.sealed.layers.push({ path: at.path, readonly: true });
  if (await hasOtherNames(source)) {
    context.sealed.faults.push({ path: at.path, why: 'a file in it has another name, by which it can be written' });
  }
}

/** A directory that is only on the way: it stays writable, and cannot be renamed while something is mounted on it. */
async function enter(
  wish: WishTree,
  { tree, name, path }: At,
  { target, source }: { target: Handle; source: Handle },
  context: Context,
): Promise<void> {
  await bind({ source: target, target, signal: context.signal });
  context.sealed.layers.push({ path, readonly: false });
  await using covered = await openBelow(tree, name);
  if (covered?.identity !== target.identity) throw new Error('it was replaced while it was covered');
  await sealLevel(wish, { tree: covered, source, path }, context);
}

/** Make what is missing, as its directory's owner. A directory stands for all that is wished for below it. */
async function make(wish: WishTree, { tree, name, path }: At, { sealed }: Context): Promise<Handle | undefined> {
  wish.seal ??= 'directory';
  const isOurs = await create(`${pathOf(tree)}/${name}`, wish.seal);
  const place = await openBelow(tree, name);
  if (!isOurs || !place) return place;
  sealed.made.push({ path, missing: wish.seal });
  // Somebody may have put another file there already: one with further names may be of another place.
  if (place.kind === 'directory' || place.names === 1) await chown(pathOf(place), tree.uid, tree.gid);
  return place;
}

/** @returns false when something was made there meanwhile: by another sandbox of the same workspace, perhaps */
async function create(path: string, missing: Missing): Promise<boolean> {
  try {
    if (missing === 'directory') {
      await mkdir(path, 0o755);
      return true;
    }
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    await using file = await open(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o644);
    await file.writeFile(missing.text);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Whether a file, or one in a directory as far as is looked, can be reached by a name outside of it. */
async function hasOtherNames(place: Handle): Promise<boolean> {
  if (place.kind === 'file') return place.names > 1;
  if (place.kind !== 'directory') return false;
  let left = mostEntries;
  const pending: Handle[] = [];
  const look = async (directory: Handle): Promise<boolean> => {
    for (const name of await readdir(pathOf(directory))) {
      left -= 1;
      if (left < 0) return false;
      const below = await openBelow(directory, name);
      if (below?.kind === 'directory') pending.push(below);
      else await below?.[Symbol.asyncDispose]();
      if (below?.kind === 'file' && below.names > 1) return true;
    }
    return false;
  };
  try {
    if (await look(place)) return true;
    for (let next = pending.pop(); next; next = pending.pop()) {
      await using directory = next;
      if (await look(directory)) return true;
    }
    return false;
  } finally {
    for (const each of pending) await each[Symbol.asyncDispose]();
  }
}
