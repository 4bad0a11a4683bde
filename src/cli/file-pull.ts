import { type DirectoryEntry, type Entry, sizeOf, type TreeLimits } from '../host/tree/entry.ts';
import { TreeFetch } from '../host/tree/fetch-tree.ts';
import { LeftOut } from '../host/tree/left-out.ts';
import { MergeLanding } from '../host/tree/merge-landing.ts';
import { withCopyProgress } from './file-progress.ts';
import { reportCopy } from './file-report.ts';
import { type GuestAddress, parseGuestAddress, pathText } from './guest-address.ts';
import { listSource, requireSource } from './guest-source.ts';
import { type GuestFiles, inGuestFiles } from './in-guest-files.ts';
import { type LocalPath, localPath } from './local-path.ts';
import { placeHere } from './place-here.ts';
import { withProgress } from './progress.ts';
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
    listSource(pulling, { source, limits, leftOut, signal: io.signal }),
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
