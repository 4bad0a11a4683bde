import { lstatSync } from 'node:fs';
import { Problem } from '../base/problem.ts';
import { renderSize } from '../base/units.ts';
import type { Attributes } from '../host/incus/sftp/attributes.ts';
import { SftpError } from '../host/incus/sftp/sftp-error.ts';
import { type DirectoryEntry, type Entry, type TreeLimits, sizeOf } from '../host/tree/entry.ts';
import { TreeFetch } from '../host/tree/fetch-tree.ts';
import { inside } from '../host/tree/guest-path.ts';
import type { HeldDirectory } from '../host/tree/held-directory.ts';
import { LeftOut } from '../host/tree/left-out.ts';
import { entryOf, TreeList } from '../host/tree/list-tree.ts';
import { MergeLanding } from '../host/tree/merge-landing.ts';
import { exitCodes } from './failure.ts';
import { withCopyProgress } from './file-progress.ts';
import { reportCopy } from './file-report.ts';
import { type GuestAddress, parseGuestAddress, pathText } from './guest-address.ts';
import { type GuestFiles, inGuestFiles, limitsHint } from './in-guest-files.ts';
import { held, holdAbove, holdDirectory, type LocalPath, localPath } from './local-path.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';

/** More than anybody copies by hand: what runs inside decides how much there is. */
const usualLimits: TreeLimits = { maxBytes: 64 * 2 ** 30, maxEntries: 500_000, maxDepth: 256 };

/** Depth has an end all the same: the longest path has about so many parts. */
const noLimits: TreeLimits = { maxBytes: Infinity, maxEntries: Infinity, maxDepth: 2_048 };

/** `coi file pull`: files of a container, to be this user's. */
export const filePull: Verb = async (call) => {
  const [from = '', text = ''] = call.args;
  const address = parseGuestAddress(from);
  const local = localPath(call.io, text);
  return await inGuestFiles(call.io, address.container, (files) => pull(call, { files, address, local }));
};

interface Pulling {
  readonly files: GuestFiles;
  readonly address: GuestAddress;
  readonly local: LocalPath;
}

async function pull(call: Call, pulling: Pulling): Promise<number> {
  const { files, address, local } = pulling;
  const { io, options } = call;
  const limits = options['limits'] === false ? noLimits : usualLimits;
  const leftOut = new LeftOut();
  const source = await requireSource(files, address, options['recursive'] === true);
  using place = placeHere(address, local, source);
  await withProgress(io, `Looking at ${pathText(address.path)}`, () =>
    list(pulling, { source, limits, leftOut, signal: io.signal }),
  );
  const tree = place.name === undefined ? (source as DirectoryEntry) : around({ ...source, name: place.name });
  const totalBytes = sizeOf(tree);
  const doing = `Pulling ${pathText(address.path)}`;
  const copied = await withCopyProgress(io, { doing, totalBytes }, (onBytes) => {
    const landing = new MergeLanding(process.umask());
    const unsized = source.kind === 'file' ? { mostUnsized: limits.maxBytes } : {};
    const init = { sftp: files.sftp, base: nothing, landing, leftOut, signal: io.signal, onBytes, ...unsized };
    return new TreeFetch(init).copy(tree, place.directory);
  });
  const { instance } = files;
  const from = `${instance}:/${address.path.toString('utf8')}`;
  return reportCopy(call, {
    done: 'Pulled',
    instance,
    source: from,
    target: place.text,
    copied,
    leftOut: leftOut.report(),
  });
}

const nothing = Buffer.alloc(0);

/** A directory with just this in it. */
function around(child: Entry): DirectoryEntry {
  return { kind: 'directory', name: nothing, path: nothing, mode: 0o700, children: [child] };
}

/** @throws {Problem} `file.no-source`, `file.kind`; {@link UsageProblem} for a directory without -r */
async function requireSource(files: GuestFiles, address: GuestAddress, isRecursive: boolean): Promise<Entry> {
  const { path, name, isDirectory } = address;
  const shown = `${pathText(path)} in ${files.instance}`;
  // As with cp: a link that was named is followed, unless links are to be copied as they are.
  const attributes = await lookInside(files, path, isDirectory || !isRecursive ? 'follow' : 'look');
  if (!attributes || (isDirectory && attributes.kind !== 'directory')) {
    const what = isDirectory ? 'directory ' : '';
    throw new Problem({
      code: 'file.no-source',
      message: `There is no ${what}${shown}`,
      hint: 'Look at each part of PATH, which begins at the root of the container.',
    });
  }
  const entry = entryOf({ name, attributes }, path);
  if (!entry) {
    const hint = 'Only files, directories and links can be copied.';
    throw new Problem({ code: 'file.kind', message: `${shown} is neither file, directory nor link`, hint });
  }
  if (entry.kind !== 'directory' || isRecursive) return entry;
  const hint = `To copy it with all that is in it: coi file pull -r ${files.instance}:${pathText(path)} LOCAL`;
  throw new UsageProblem(`${shown} is a directory`, hint, exitCodes.usage);
}

async function lookInside({ sftp }: GuestFiles, path: Buffer, how: 'follow' | 'look'): Promise<Attributes | undefined> {
  try {
    return await sftp[how](inside(nothing, path));
  } catch (error) {
    // A part of it is no directory, or a link to itself: there is nothing by that name.
    if (error instanceof SftpError) return undefined;
    throw error;
  }
}

interface Listing {
  readonly signal: AbortSignal;
  readonly source: Entry;
  readonly limits: TreeLimits;
  readonly leftOut: LeftOut;
}

/** Finds all there is before anything is written. @throws {Problem} `file.too-much` */
async function list({ files, address }: Pulling, { source, limits, leftOut, signal }: Listing): Promise<void> {
  const { sftp } = files;
  if (source.kind === 'directory') await new TreeList({ sftp, base: nothing, limits, leftOut, signal }).find([source]);
  const bytes = sizeOf(source);
  const most = `${limits.maxEntries.toLocaleString('en')} things`;
  const why = leftOut.has('too-many')
    ? `more than ${most} are in it`
    : leftOut.has('too-deep')
      ? `its directories lie more than ${limits.maxDepth} deep`
      : bytes > limits.maxBytes
        ? `it says to be ${renderSize(bytes)}`
        : undefined;
  if (why === undefined) return;
  const message = `${pathText(address.path)} in ${files.instance} is too much to copy: ${why}`;
  throw new Problem({ code: 'file.too-much', message, hint: limitsHint });
}

/** Where it goes. */
interface PlaceHere extends Disposable {
  readonly directory: HeldDirectory;
  /** Undefined where what is in the source goes right into the directory. */
  readonly name: Buffer | undefined;
  /** For people. */
  readonly text: string;
}

/** As cp has it: into what is a directory, else as what was said. @throws {Problem} `file.no-local`, `file.link`, `file.refused` */
function placeHere({ name, isContents }: GuestAddress, local: LocalPath, source: Entry): PlaceHere {
  const stats = held(local.text, () => lstatSync(local.path, { throwIfNoEntry: false }));
  if (stats?.isSymbolicLink() && !local.isDirectory) {
    throw new Problem({
      code: 'file.link',
      message: `"${printable(local.text)}" is a link, and links of this host are not followed`,
      hint: `To go into the directory that it leads to: ${printable(local.text)}/`,
    });
  }
  const isMade = stats === undefined && source.kind === 'directory' && !local.isContents;
  if (!isMade && (local.isDirectory || stats?.isDirectory())) {
    const directory = holdDirectory(local);
    const text = isContents ? local.text : `${local.text.replace(/\/+$/, '')}/${name.toString('utf8')}`;
    return {
      directory,
      name: isContents ? undefined : name,
      text,
      [Symbol.dispose]: () => directory[Symbol.dispose](),
    };
  }
  const { parent, name: own } = holdAbove({ ...local, isDirectory: false });
  return { directory: parent, name: own, text: local.text, [Symbol.dispose]: () => parent[Symbol.dispose]() };
}
