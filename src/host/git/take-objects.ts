import { closeSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Problem } from '../../base/problem.ts';
import { HeldDirectory } from '../tree/held-directory.ts';
import type { FileUser } from './as-user.ts';
import { elsewhere } from './elsewhere.ts';
import { copyNew, isLink, openOrMakeFor, openRegular } from './held-files.ts';

/** Most packs: each is two descriptors of the git that reads them. */
const mostPacks = 200;

/** The first descriptor behind standard input, output and error. */
const firstDescriptor = 3;

/** What is taken, and where to. */
export interface TakeInit {
  /** `objects` of the repository, held. */
  readonly from: HeldDirectory;
  /** `objects` of our own, where nobody else writes. */
  readonly to: string;
  readonly user: FileUser;
  readonly signal: AbortSignal;
}

/** Open packs, to be handed to git as its descriptors from 3 on, in this order. Dispose of them. */
export interface TakenPacks extends Disposable {
  readonly descriptors: readonly number[];
}

/**
 * Puts all objects of a repository into one of our own. Packs, which may be large, are opened here, and git finds them by links to
 * its own descriptors: what has their names by then does not matter. Single objects are copied. Nothing behind a link is
 * taken, and no other directory of objects.
 *
 * @throws {Problem} `git.elsewhere` where there is a link; `git.packs` where there are too many of them
 */
export async function takeObjects({ from, to, user, signal }: TakeInit): Promise<TakenPacks> {
  using objects = HeldDirectory.at(to);
  const packs = linkPacks(from, objects, user);
  try {
    for (const name of from.names().map(String)) {
      if (!/^[0-9a-f]{2}$/.test(name)) continue;
      signal.throwIfAborted();
      await setImmediate();
      using source = heldOrRefused(from, name);
      using target = openOrMakeFor(objects, name, user);
      for (const object of source.names().map(String)) copyObject(source, target, { name: object, user });
    }
    return packs;
  } catch (error) {
    packs[Symbol.dispose]();
    throw error;
  }
}

function copyObject(
  source: HeldDirectory,
  target: HeldDirectory,
  { name, user }: { readonly name: string; readonly user: FileUser },
): void {
  if (!/^(?:[0-9a-f]{38}|[0-9a-f]{62})$/.test(name)) return;
  const fd = openOrRefused(source, name);
  // Packed meanwhile: it is in there, or git will miss it.
  if (fd === undefined) return;
  try {
    copyNew(fd, target, { name, user, mode: 0o600 });
  } finally {
    closeSync(fd);
  }
}

function linkPacks(from: HeldDirectory, objects: HeldDirectory, user: FileUser): TakenPacks {
  const descriptors: number[] = [];
  const packs = { descriptors, [Symbol.dispose]: () => descriptors.forEach((fd) => closeSync(fd)) };
  if (!from.look('pack')) return packs;
  try {
    using source = heldOrRefused(from, 'pack');
    using target = openOrMakeFor(objects, 'pack', user);
    const names = source.names().map(String);
    const whole = names.filter((name) => /^pack-[0-9a-f]+\.idx$/.test(name) && names.includes(packOf(name)));
    if (whole.length > mostPacks) throw tooMany(whole.length);
    for (const name of whole.flatMap((index) => [index, packOf(index)])) {
      const fd = openOrRefused(source, name);
      if (fd === undefined) throw elsewhere(name, 'is no regular file');
      target.makeLink(name, `/proc/self/fd/${firstDescriptor + descriptors.length}`);
      descriptors.push(fd);
    }
    return packs;
  } catch (error) {
    packs[Symbol.dispose]();
    throw error;
  }
}

function packOf(index: string): string {
  return index.replace(/idx$/, 'pack');
}

function heldOrRefused(directory: HeldDirectory, name: string): HeldDirectory {
  return refusingLinks(name, () => directory.open(name));
}

function openOrRefused(directory: HeldDirectory, name: string): number | undefined {
  return refusingLinks(name, () => openRegular(directory, name));
}

function refusingLinks<T>(name: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw isLink(error) ? elsewhere(`.git/objects/…/${name}`, 'is a link') : error;
  }
}

function tooMany(count: number): Problem {
  return new Problem({
    code: 'git.packs',
    message: `The repository has ${count} packs of objects, and at most ${mostPacks} can be read at once`,
    hint: 'Put them together: git gc; or fork with --shared, so that the copies work in the same directory.',
  });
}
