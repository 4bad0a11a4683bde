import { basename } from 'node:path';
import { Problem } from '../base/problem.ts';
import { SftpError } from '../host/incus/sftp/sftp-error.ts';
import { below } from '../host/tree/guest-path.ts';
import { type GuestAddress, pathText } from './guest-address.ts';
import type { GuestFiles } from './in-guest-files.ts';
import type { LocalPath } from './local-path.ts';
import type { LocalSource } from './local-source.ts';

/**
 * Where something goes, as cp has it: into what is a directory, else as what was said.
 *
 * @returns a path relative to the root
 * @throws {Problem} `file.no-directory`
 */
export async function placeInside(
  files: GuestFiles,
  { path, isDirectory }: GuestAddress,
  { local, source }: { readonly local: LocalPath; readonly source: LocalSource },
): Promise<Buffer> {
  const there = await kindInside(files, path);
  if (there === 'directory') return local.isContents ? path : below(path, Buffer.from(basename(local.path)));
  if (there !== undefined && isDirectory) throw noDirectory(files, path);
  if (there === undefined && isDirectory && !source.stats.isDirectory()) throw noDirectory(files, path);
  const above = path.subarray(0, Math.max(0, path.lastIndexOf('/')));
  if ((await kindInside(files, above)) !== 'directory') throw noDirectory(files, above);
  return path;
}

async function kindInside({ sftp }: GuestFiles, path: Buffer) {
  try {
    return (await sftp.follow(Buffer.concat([Buffer.from('/'), path])))?.kind;
  } catch (error) {
    // A part of it is no directory, or a link to itself: there is nothing by that name.
    if (error instanceof SftpError) return undefined;
    throw error;
  }
}

function noDirectory({ instance }: GuestFiles, path: Buffer): Problem {
  return new Problem({
    code: 'file.no-directory',
    message: `There is no directory ${pathText(path)} in ${instance}`,
    hint: `Make it first: incus exec ${instance} -- mkdir -p ${pathText(path)}`,
  });
}
