import { constants } from 'node:fs';
import { chown, mkdir, open } from 'node:fs/promises';
import { messageOf, Problem } from '../../base/problem.ts';
import { Turns } from '../../base/turns.ts';
import { bind } from './bind.ts';
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

/** Paths that are covered at a time: each takes a process, and a service may have but few. */
const atOnce = 4;

/** Most entries that are looked at for further names: of one protected directory, and of all together. */
const mostEntries = { each: 2_000, all: 20_000 };

/**
 * Cover every wished path with a read-only view of itself, and every directory above it with itself, which keeps it from
 * being renamed. Nothing that is a symbolic link is followed or covered: that is a fault and changes nothing about the other
 * paths.
 *
 * @throws {Problem} `workspace.unprotected` when a path cannot be covered for any other reason: nothing may start on that
 */
export async function seal(wishes: WishTree, level: Level, { sealed, signal }: SealInit): Promise<void> {
  const turns = Array.from({ length: atOnce }, () => new Turns());
  let count = 0;
  const cover = (init: Cover) => turns[count++ % atOnce]!.take(() => bind({ ...init, signal }));
  const context: Context = { sealed, signal, cover, failures: [], entriesLeft: mostEntries.all };
  await sealLevel(wishes, level, context);
  signal.throwIfAborted();
  const [failure] = context.failures;
  if (failure) throw failure;
  sealed.layers.sort((a, b) => (a.path < b.path ? -1 : 1));
}

interface SealInit {
  /** Gets all that is covered and made, so that it is known also after a failure. */
  readonly sealed: Sealed;
  readonly signal: AbortSignal;
}

type Cover = Record<'source' | 'target', Handle>;

interface Context {
  readonly sealed: Sealed;
  readonly signal: AbortSignal;
  readonly cover: (init: Cover) => Promise<void>;
  /** Entries that may still be looked at. */
  entriesLeft: number;
  /** Why it cannot be sealed: the first ends it. */
  readonly failures: Problem[];
}

/** Ends when nothing is under way any more, also after a failure. */
async function sealLevel(wishes: WishTree, level: Level, context: Context): Promise<void> {
  const branches = [...wishes.below].values();
  const lane = async () => {
    for (const branch of branches) await sealBranch(branch, level, context);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

async function sealBranch([name, wish]: readonly [string, WishTree], level: Level, context: Context): Promise<void> {
  const { sealed, signal, failures } = context;
  if (signal.aborted || failures.length > 0) return;
  const path = level.path === '' ? name : `${level.path}/${name}`;
  try {
    await sealOne(wish, { ...level, name, path }, context);
  } catch (error) {
    if (error instanceof Unusable) sealed.faults.push({ path, why: error.message });
    else failures.push(unprotected(path, error));
  }
}

/** What a path is that it cannot be covered, and what no other try would change. */
class Unusable extends Error {}

function unprotected(path: string, cause: unknown): Problem {
  return new Problem({
    code: 'workspace.unprotected',
    message: `"${path}" of the workspace cannot be protected: ${messageOf(cause)}`,
    hint: 'It is tried again. Should that not help, make it there yourself, or take it off security.protected_paths',
    retry: 'backoff',
    cause,
  });
}

type At = Level & { readonly name: string };

async function sealOne(wish: WishTree, at: At, context: Context): Promise<void> {
  await using target = (await openBelow(at.tree, at.name)) ?? (await make(wish, at, context));
  await using source = await openBelow(at.source, at.name);
  if (target?.identity !== source?.identity || !target || !source) throw new Error('it changes while it is looked at');
  if (target.kind === 'link') throw new Unusable('it is a symbolic link');
  // Awaited here: what is held is let go when this function is left.
  if (wish.seal === undefined && target.kind === 'directory') return await enter(wish, at, { target, source }, context);
  await context.cover({ source, target });
  context.sealed.layers.push({ path: at.path, readonly: true });
  if (await hasOtherNames(source, context)) {
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
  await context.cover({ source: target, target });
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
