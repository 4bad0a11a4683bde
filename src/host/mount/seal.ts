import { constants } from 'node:fs';
import { chown, mkdir, open } from 'node:fs/promises';
import { messageOf, Problem } from '../../base/problem.ts';
import { coverAll, CoverFailure, type Cover, type CoversInit } from './bind.ts';
import { entriesOf, openBelow, pathOf, type Handle } from './handle.ts';
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

/** Paths that are covered at once: each is held by two descriptors meanwhile, and so is each on the way to it. */
const atOnce = 32;

/** Most entries that are looked at for further names: of one protected directory, and of all together. */
const mostEntries = { each: 2_000, all: 20_000 };

/**
 * Cover every wished path with a read-only view of itself, and every directory above it with itself, which keeps it from
 * being renamed. Nothing that is a symbolic link is followed or covered: that is a fault and changes nothing about the other
 * paths.
 *
 * @throws {Problem} `workspace.unprotected` when a path cannot be covered for any other reason: nothing may start on that
 */
export async function seal(wishes: WishTree, level: Level, init: SealInit): Promise<void> {
  await sealLevel(wishes, level, { ...init, entriesLeft: mostEntries.all });
  init.sealed.layers.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface SealInit extends CoversInit {
  /** Gets all that is covered and made, so that it is known also after a failure. */
  readonly sealed: Sealed;
}

interface Context extends SealInit {
  /** Entries that may still be looked at. */
  entriesLeft: number;
}

async function sealLevel(wishes: WishTree, level: Level, context: Context): Promise<void> {
  const branches = [...wishes.below];
  for (let from = 0; from < branches.length; from += atOnce) {
    await sealSome(branches.slice(from, from + atOnce), level, context);
  }
}

/** What is to be covered, at its place in a level. */
interface Place extends Cover {
  readonly name: string;
  /** From the workspace. */
  readonly path: string;
  readonly wish: WishTree;
  /** Whether it is only on the way: it stays writable, and cannot be renamed while something is mounted on it. */
  readonly isPassed: boolean;
  /** The same in the view that is read-only. */
  readonly plain: Handle;
}

async function sealSome(
  branches: readonly (readonly [string, WishTree])[],
  level: Level,
  context: Context,
): Promise<void> {
  await using held = new AsyncDisposableStack();
  const places: Place[] = [];
  for (const [name, wish] of branches) {
    context.signal.throwIfAborted();
    const path = level.path === '' ? name : `${level.path}/${name}`;
    await attempt(path, context, async () => {
      places.push(await find(wish, { ...level, name, path }, { context, held }));
    });
  }
  await coverAll(places, context).catch((error: unknown) => {
    context.signal.throwIfAborted();
    const failed = places.find((place) => error instanceof CoverFailure && error.cover === place);
    throw unprotected((failed ?? places[0])?.path ?? '', error);
  });
  for (const { path, isPassed } of places) context.sealed.layers.push({ path, readonly: !isPassed });
  for (const place of places) await attempt(place.path, context, () => followUp(place, level, context));
}

/** What cannot be covered is a fault, and anything else that fails ends it all. */
async function attempt(path: string, { sealed }: Context, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Problem) throw error;
    if (!(error instanceof Unusable)) throw unprotected(path, error);
    sealed.faults.push({ path, why: error.message });
  }
}

/** What a path is that it cannot be covered, and what no other try would change. */
class Unusable extends Error {}

/** Why a workspace cannot be protected: nothing may start on it. */
export function unprotected(path: string, cause: unknown): Problem {
  return new Problem({
    code: 'workspace.unprotected',
    message: `"${path}" of the workspace cannot be protected: ${messageOf(cause)}`,
    hint: 'It is tried again. Should that not help, make it there yourself, or take it off security.protected_paths',
    retry: 'backoff',
    cause,
  });
}

type At = Level & { readonly name: string };

interface Holding {
  readonly context: Context;
  /** Keeps what was found. */
  readonly held: AsyncDisposableStack;
}

async function find(wish: WishTree, at: At, { context, held }: Holding): Promise<Place> {
  const target = (await openBelow(at.tree, at.name)) ?? (await make(wish, at, context));
  if (target) held.use(target);
  const plain = await openBelow(at.source, at.name);
  if (plain) held.use(plain);
  if (target?.identity !== plain?.identity || !target || !plain) throw new Error('it changes while it is looked at');
  if (target.kind === 'link') throw new Unusable('it is a symbolic link');
  const isPassed = wish.seal === undefined && target.kind === 'directory';
  const { name, path } = at;
  return { name, path, wish, isPassed, target, source: isPassed ? target : plain, plain };
}

/** What is left to do once a place is covered: what is below one that is only passed, or a look for other ways to it. */
async function followUp(place: Place, { tree }: Level, context: Context): Promise<void> {
  const { name, path, wish, isPassed, target, plain } = place;
  if (!isPassed) {
    if (await hasOtherNames(plain, context)) {
      context.sealed.faults.push({ path, why: 'a file in it has another name, by which it can be written' });
    }
    return;
  }
  await using covered = await openBelow(tree, name);
  if (covered?.identity !== target.identity) throw new Error('it was replaced while it was covered');
  // Awaited here: what is held is let go when this function is left.
  await sealLevel(wish, { tree: covered, source: plain, path }, context);
}

/** Make what is missing, as its directory's owner. A directory stands for all that is wished for below it. */
async function make(wish: WishTree, { tree, name, path }: At, { sealed }: Context): Promise<Handle | undefined> {
  wish.seal ??= 'directory';
  const isOurs = await create(`${pathOf(tree)}/${name}`, wish.seal);
  const place = await openBelow(tree, name);
  if (!isOurs || !place) return place;
  sealed.made.push({ path, missing: wish.seal });
  // Somebody may have put another file there already: one with further names may be of another place.
  if (place.kind === 'directory' || place.names === 1) await give(place, tree);
  return place;
}

async function give(place: Handle, { uid, gid }: Handle): Promise<void> {
  try {
    await chown(pathOf(place), uid, gid);
  } catch (error) {
    // Some file systems have one owner for all there is. Nothing depends on it: it is read-only, and goes with the tree.
    if (!['EPERM', 'EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
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
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Inside, nobody can make it either.
    if (code === 'EROFS') throw new Unusable('it is not there, and the file system is read-only');
    throw error;
  }
}

/** Whether a file, or one in a directory as far as is looked, can be reached by a name outside of it. */
async function hasOtherNames(place: Handle, context: Context): Promise<boolean> {
  if (place.kind === 'file') return place.names > 1;
  if (place.kind !== 'directory') return false;
  let left = mostEntries.each;
  const pending: Handle[] = [];
  const look = async (directory: Handle): Promise<boolean> => {
    for await (const { name } of await entriesOf(directory)) {
      context.signal.throwIfAborted();
      left -= 1;
      context.entriesLeft -= 1;
      if (left < 0 || context.entriesLeft < 0) return false;
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
