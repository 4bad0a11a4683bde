import { readdir, realpath, stat, type BigIntStats, type Dirent } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Problem } from '../base/problem.ts';
import { isIgnored, isManifestName } from './file-names.ts';
import { fileFault, isOpenToAll, outside, unreadable, worldWritable } from './trusted-file.ts';

const readdirAsync = promisify(readdir) as unknown as (
  path: string,
  options: { withFileTypes: true },
) => Promise<Dirent[]>;
const realpathAsync = promisify(realpath.native) as (path: string) => Promise<string>;
const statAsync = promisify(stat);
const statBig = (path: string) => statAsync(path, { bigint: true });

/** How deep folders may lie in each other, and how much is looked at: a source is no file system. */
const maxDepth = 8;
const maxEntries = 20_000;

/** A manifest file as a listing shows it. */
export interface ListedFile {
  /** Path below the root. */
  readonly name: string;
  /** Path for people: the root as configured and the name. */
  readonly path: string;
  /** Path without links. */
  readonly real: string;
  /** Changes whenever the content, the owner or the permissions may have. */
  readonly stamp: string;
  /** When content or attributes last changed, milliseconds since 1970. */
  readonly changedMs: number;
  /** Why it cannot be read. */
  readonly fault?: Problem;
}

/** The manifest files of a directory at one time. */
export interface Listing {
  /** Sorted by name. */
  readonly files: readonly ListedFile[];
  /** What is wrong apart from single files. */
  readonly problems: readonly Problem[];
  /** The same key, the same listing. */
  readonly key: string;
}

interface Walk {
  /** The root as configured, and without links. */
  readonly shown: string;
  readonly real: string;
  readonly files: ListedFile[];
  readonly problems: Problem[];
  seen: number;
}

/**
 * List the manifest files below a directory, folders included. Links are followed as long as they stay inside; hidden
 * names are passed over, but visible links may lead into hidden folders, as in a ConfigMap volume.
 *
 * @param root the directory as configured (`shown`) and without links (`real`)
 * @throws the file system's own error when the directory itself cannot be listed
 */
export async function listManifests(root: { readonly shown: string; readonly real: string }): Promise<Listing> {
  const walk: Walk = { ...root, files: [], problems: [], seen: 0 };
  const entries = await readdirAsync(root.real, { withFileTypes: true });
  await walkEntries(walk, { real: root.real, name: '', above: [] }, entries);
  const files = withoutTwins(walk.files.sort((a, b) => (a.name < b.name ? -1 : 1)));
  const problems = walk.problems.sort((a, b) => (a.position!.file < b.position!.file ? -1 : 1));
  const key = JSON.stringify([
    root.real,
    files.map(({ name, real, stamp }) => [name, real, stamp]),
    problems.map(({ code, position }) => [code, position?.file]),
  ]);
  return { files, problems, key };
}

/** A file that is there under several names, through links, is one file. */
function withoutTwins(files: readonly ListedFile[]): ListedFile[] {
  const seen = new Set<string>();
  return files.filter(({ real }) => !seen.has(real) && seen.add(real));
}

interface Folder {
  readonly real: string;
  readonly name: string;
  /** The folders on the way to it, without links: a link back to one of them leads nowhere new. */
  readonly above: readonly string[];
}

async function walkEntries(walk: Walk, folder: Folder, entries: readonly Dirent[]): Promise<void> {
  walk.seen += entries.length;
  if (walk.seen > maxEntries) return tooMany(walk, folder, `more than ${maxEntries} names`);
  await Promise.all(
    entries
      .filter(({ name }) => !isIgnored(name))
      .map((entry) => walkEntry(walk, entry, { folder, name: join(folder.name, entry.name) })),
  );
}

interface Place {
  readonly folder: Folder;
  readonly name: string;
}

async function walkEntry(walk: Walk, entry: Dirent, place: Place): Promise<void> {
  const isLink = entry.isSymbolicLink();
  const isManifest = isManifestName(entry.name);
  if (!isLink && !isManifest && !entry.isDirectory()) return;
  try {
    const found = join(place.folder.real, entry.name);
    const real = isLink ? await realpathAsync(found) : found;
    await walkFound(walk, { ...place, real, isManifest });
  } catch (error) {
    // A link that leads nowhere matters only when it is meant to be a manifest.
    if (isManifest || !isLink) walk.problems.push(unreadable(join(walk.shown, place.name), error));
  }
}

interface Found extends Place {
  readonly real: string;
  readonly isManifest: boolean;
}

async function walkFound(walk: Walk, { folder, name, real, isManifest }: Found): Promise<void> {
  const stats = await statBig(real);
  const path = join(walk.shown, name);
  const isInside = real === walk.real || real.startsWith(`${walk.real}/`);
  if (!isManifest && !stats.isDirectory()) return;
  if (!isInside) walk.problems.push(outside(path));
  else if (stats.isDirectory()) await walkFolder(walk, { real, name, above: [...folder.above, folder.real] }, stats);
  else walk.files.push(listed({ name, path, real }, stats));
}

async function walkFolder(walk: Walk, folder: Folder, stats: BigIntStats): Promise<void> {
  if (folder.above.includes(folder.real)) return;
  if (folder.above.length > maxDepth) return tooMany(walk, folder, `folders more than ${maxDepth} deep`);
  const path = join(walk.shown, folder.name);
  if (isOpenToAll(stats)) walk.problems.push(worldWritable(path, 'directory'));
  else await walkEntries(walk, folder, await readdirAsync(folder.real, { withFileTypes: true }));
}

function tooMany(walk: Walk, folder: Folder, what: string): void {
  walk.problems.push(
    new Problem({
      code: 'source.too-many',
      message: `the source directory holds ${what}, so not all of it was read`,
      hint: 'Name a directory that holds only manifests.',
      position: { file: join(walk.shown, folder.name) },
    }),
  );
}

function listed(file: Pick<ListedFile, 'name' | 'path' | 'real'>, stats: BigIntStats): ListedFile {
  const { dev, ino, mtimeNs, ctimeNs, size, mode, uid } = stats;
  const fault = fileFault(file.path, stats);
  return {
    ...file,
    stamp: [dev, ino, mtimeNs, ctimeNs, size, mode, uid].join(' '),
    changedMs: Number(stats.ctimeMs),
    ...(fault && { fault }),
  };
}
