import { Problem } from '../base/problem.ts';
import { renderSize } from '../base/units.ts';
import type { Attributes } from '../host/incus/sftp/attributes.ts';
import { SftpError } from '../host/incus/sftp/sftp-error.ts';
import { type Entry, type TreeLimits, sizeOf } from '../host/tree/entry.ts';
import { inside } from '../host/tree/guest-path.ts';
import type { LeftOut } from '../host/tree/left-out.ts';
import { entryOf, TreeList } from '../host/tree/list-tree.ts';
import { exitCodes } from './failure.ts';
import { type GuestAddress, pathText } from './guest-address.ts';
import { type GuestFiles, limitsHint } from './in-guest-files.ts';
import { UsageProblem } from './usage.ts';

const nothing = Buffer.alloc(0);

/**
 * What is to be copied out of a container, without what is in it.
 *
 * @throws {Problem} `file.no-source`, `file.kind`; {@link UsageProblem} for a directory without -r
 */
export async function requireSource(files: GuestFiles, address: GuestAddress, isRecursive: boolean): Promise<Entry> {
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

/** What is listed, and how far. */
export interface Listing {
  readonly signal: AbortSignal;
  readonly source: Entry;
  readonly limits: TreeLimits;
  readonly leftOut: LeftOut;
}

/** Finds all there is before anything is written. @throws {Problem} `file.too-much` */
export async function listSource(
  { files, address }: { readonly files: GuestFiles; readonly address: GuestAddress },
  { source, limits, leftOut, signal }: Listing,
): Promise<void> {
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
