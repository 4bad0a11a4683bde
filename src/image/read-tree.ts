import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { messageOf, Problem, type Position } from '../base/problem.ts';
import type { Tree, TreeEntry } from './definition.ts';

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
  const file = await locate(named);
  return await readFile(file).catch((error: unknown) => {
    throw missing(named, error);
  });
}

/** What is in a folder. Links are taken as they are. @throws {Problem} as {@link readScript}, and `image.odd-file` */
export async function readTree(named: Named): Promise<Tree> {
  const folder = await locate(named);
  if (!(await stat(folder)).isDirectory()) throw missing(named, 'it is no folder');
  const entries = await entriesIn(folder, '', named);
  return { folder, entries: entries.toSorted((a, b) => (a.path < b.path ? -1 : 1)) };
}

async function entriesIn(root: string, below: string, named: Named): Promise<TreeEntry[]> {
  const found: TreeEntry[] = [];
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    const full = join(root, path);
    if (entry.isDirectory()) found.push(...(await entriesIn(root, path, named)));
    else if (entry.isSymbolicLink()) found.push({ kind: 'link', path, target: await readlink(full) });
    else if (entry.isFile()) {
      const isExecutable = ((await stat(full)).mode & 0o111) !== 0;
      found.push({ kind: 'file', path, isExecutable, content: await readFile(full) });
    } else throw odd(named, path);
  }
  return found;
}

/** The path without links. Nothing outside of the folder is taken: it would be read as whoever builds, who may be root. */
async function locate({ folder, path, position }: Named): Promise<string> {
  const root = await realpath(folder);
  const real = await realpath(join(folder, path)).catch((error: unknown) => {
    throw missing({ folder, path, position }, error);
  });
  if (real.startsWith(root + sep)) return real;
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
    hint: 'Correct the path: it is one in the folder of the definition.',
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
