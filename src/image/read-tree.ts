import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { messageOf, Problem, type Position } from '../base/problem.ts';
import type { Tree, TreeEntry } from './definition.ts';
import { maxTextBytes, readPlainFile } from './read-plain-file.ts';

/** Most that the files of one tree hold together, in bytes: they are all in memory. */
const maxTreeBytes = 256 * 2 ** 20;

/** A path that a definition names, and where it does. */
interface Named {
  /** Of the definition. */
  readonly folder: string;
  /** As it is written. */
  readonly path: string;
  readonly position: Position;
}

/** @throws {Problem} `image.no-file` when there is none, `image.escapes` when it lies outside of the folder */
export async function readScript(named: Named): Promise<Uint8Array> {
  const { root, real } = await locate(named);
  try {
    return (await readPlainFile(real, { maxBytes: maxTextBytes, within: root })).content;
  } catch (error) {
    throw missing(named, error);
  }
}

/** What is in a folder. Links are taken as they are. @throws {Problem} as {@link readScript}, and `image.odd-file` */
export async function readTree(named: Named): Promise<Tree> {
  const { real: folder } = await locate(named);
  if (!(await stat(folder)).isDirectory()) throw missing(named, 'it is no folder');
  const entries = await entriesIn({ root: folder, named, left: maxTreeBytes }, '');
  return { folder, entries: entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

/** A tree that is being read. */
interface Reading {
  readonly root: string;
  readonly named: Named;
  /** Bytes that may still come. */
  left: number;
}

async function entriesIn(reading: Reading, below: string): Promise<TreeEntry[]> {
  const { root, named } = reading;
  const found: TreeEntry[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) found.push(...(await entriesIn(reading, path)));
    else if (entry.isSymbolicLink() || entry.isFile()) found.push(await entryAt(reading, path, entry.isFile()));
    else throw odd(named, path);
  }
  return found;
}

async function entryAt(reading: Reading, path: string, isFile: boolean): Promise<TreeEntry> {
  const { root, named } = reading;
  const full = join(root, path);
  try {
    if (!isFile) return { kind: 'link', path, target: await readlink(full) };
    const file = await readPlainFile(full, { maxBytes: reading.left, within: root });
    reading.left -= file.content.length;
    return { kind: 'file', path, ...file };
  } catch (error) {
    throw missing({ ...named, path: join(named.path, path) }, error);
  }
}

/** The paths without links. Nothing outside of the folder is taken: it would be read as whoever builds, who may be root. */
async function locate({ folder, path, position }: Named): Promise<{ readonly root: string; readonly real: string }> {
  const root = await realpath(folder);
  const real = await realpath(join(folder, path)).catch((error: unknown) => {
    throw missing({ folder, path, position }, error);
  });
  if (real.startsWith(root + sep)) return { root, real };
  throw new Problem({
    code: 'image.escapes',
    message: `${JSON.stringify(path)} leads out of the definition's folder`,
    hint: 'Copy what is needed into the folder.',
    position,
  });
}

function missing({ path, position }: Named, cause: unknown): Problem {
  return new Problem({
    code: 'image.no-file',
    message: `Cannot read ${JSON.stringify(path)}: ${messageOf(cause)}`,
    hint: (cause instanceof Problem && cause.hint) || 'Correct the path: it is one in the folder of the definition.',
    position,
    cause,
  });
}

function odd({ position }: Named, path: string): Problem {
  return new Problem({
    code: 'image.odd-file',
    message: `${JSON.stringify(path)} is neither file, folder nor link`,
    hint: 'Take it out of the folder.',
    position,
  });
}
