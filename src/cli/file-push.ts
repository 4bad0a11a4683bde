import type { Stats } from 'node:fs';
import { Problem } from '../base/problem.ts';
import { SftpError } from '../host/incus/sftp/sftp-error.ts';
import { below } from '../host/tree/guest-path.ts';
import type { HeldDirectory } from '../host/tree/held-directory.ts';
import { LeftOut } from '../host/tree/left-out.ts';
import { TreeSend } from '../host/tree/send-tree.ts';
import { exitCodes } from './failure.ts';
import { withCopyProgress } from './file-progress.ts';
import { reportCopy } from './file-report.ts';
import { type GuestAddress, parseGuestAddress, pathText } from './guest-address.ts';
import { type GuestFiles, inGuestFiles } from './in-guest-files.ts';
import { held, holdAbove, holdDirectory, type LocalPath, localPath } from './local-path.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';
import type { Call, Verb } from './verb.ts';

interface PushOptions {
  readonly recursive?: boolean;
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
}

/** `coi file push`: files of this host, as this user may read them, into a container. */
export const filePush: Verb = async (call) => {
  const [text = '', to = ''] = call.args;
  const address = parseGuestAddress(to);
  const local = localPath(call.io, text);
  const options = call.options as PushOptions;
  using source = openSource(local, options.recursive === true);
  return await inGuestFiles(call.io, address.container, (files) => push(call, { files, address, local, source }));
};

/** What is to be pushed. */
interface Source extends Disposable {
  /** The directory it is in; that itself where its contents are meant. */
  readonly parent: HeldDirectory;
  readonly name: Buffer;
  readonly stats: Stats;
}

interface Pushing {
  readonly files: GuestFiles;
  readonly address: GuestAddress;
  readonly local: LocalPath;
  readonly source: Source;
}

async function push(call: Call, { files, address, local, source }: Pushing): Promise<number> {
  const { io } = call;
  const { uid, gid, mode } = call.options as PushOptions;
  const target = await placeInside(files, address, { local, source });
  const leftOut = new LeftOut();
  const totalBytes = source.stats.isFile() ? source.stats.size : undefined;
  const doing = `Pushing ${printable(local.text)}`;
  const copied = await withCopyProgress(io, { doing, totalBytes }, async (onBytes) => {
    const send = new TreeSend({
      sftp: files.sftp,
      base: Buffer.alloc(0),
      owner: { uid: uid ?? 0, gid: gid ?? uid ?? 0 },
      keepsOwner: uid === undefined && gid === undefined,
      ...(mode === undefined ? {} : { fileMode: mode }),
      leftOut,
      signal: io.signal,
      onBytes,
    });
    if (local.isContents) await sendContents(send, source, target);
    else await send.copy(source.parent, target, source.name);
    return send.copied;
  });
  const { instance } = files;
  const shown = `${instance}:/${target.toString('utf8')}`;
  return reportCopy(call, {
    done: 'Pushed',
    instance,
    source: local.text,
    target: shown,
    copied,
    leftOut: leftOut.report(),
  });
}

async function sendContents(send: TreeSend, { parent, stats }: Source, target: Buffer): Promise<void> {
  if (target.length > 0 && !(await send.directory(target, stats.mode))) return;
  await send.contents(parent, target);
}

/** @throws {Problem} `file.no-local`, `file.refused`, `file.link`, `file.kind`; {@link UsageProblem} for a directory without -r */
function openSource(local: LocalPath, isRecursive: boolean): Source {
  const { parent, name } = local.isContents
    ? { parent: holdDirectory(local), name: Buffer.from('.') }
    : holdAbove(local);
  try {
    const stats = held(local.text, () => (local.isContents ? parent.stats() : parent.look(name)));
    requireSendable(local, stats, isRecursive);
    return { parent, name, stats, [Symbol.dispose]: () => parent[Symbol.dispose]() };
  } catch (error) {
    parent[Symbol.dispose]();
    throw error;
  }
}

function requireSendable(
  { text, isDirectory }: LocalPath,
  stats: Stats | undefined,
  isRecursive: boolean,
): asserts stats is Stats {
  const shown = printable(text);
  if (!stats) {
    const hint = 'Look at each part of the path: ls -ld PATH';
    throw new Problem({ code: 'file.no-local', message: `There is no "${shown}"`, hint });
  }
  if (isDirectory && !stats.isDirectory()) {
    const hint = 'Leave the slash at its end out';
    throw new Problem({ code: 'file.no-local', message: `There is no directory "${shown}"`, hint });
  }
  if (stats.isDirectory() && !isRecursive) {
    const hint = `To copy it with all that is in it: coi file push -r ${shown} CONTAINER:PATH`;
    throw new UsageProblem(`"${shown}" is a directory`, hint, exitCodes.usage);
  }
  if (stats.isSymbolicLink() && !isRecursive) {
    throw new Problem({
      code: 'file.link',
      message: `"${shown}" is a link, and links of this host are not followed`,
      hint: 'Name what it leads to; or, to copy the link itself, add -r',
    });
  }
  if (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()) return;
  const hint = 'Only files, directories and links can be copied.';
  throw new Problem({ code: 'file.kind', message: `"${shown}" is neither file, directory nor link`, hint });
}

/** Where something goes, as cp has it: into what is a directory, else as what was said. */
async function placeInside(
  files: GuestFiles,
  { path, isDirectory }: GuestAddress,
  { local, source }: Pick<Pushing, 'local' | 'source'>,
): Promise<Buffer> {
  const there = await kindInside(files, path);
  if (there === 'directory') return local.isContents ? path : below(path, source.name);
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
