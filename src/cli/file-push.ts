import { LeftOut } from '../host/tree/left-out.ts';
import { TreeSend } from '../host/tree/send-tree.ts';
import { withCopyProgress } from './file-progress.ts';
import { reportCopy } from './file-report.ts';
import { type GuestAddress, parseGuestAddress } from './guest-address.ts';
import { type GuestFiles, inGuestFiles } from './in-guest-files.ts';
import { type LocalPath, localPath } from './local-path.ts';
import { type LocalSource, openLocalSource } from './local-source.ts';
import { placeInside } from './place-inside.ts';
import { printable } from './printable.ts';
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
  using source = openLocalSource(local, options.recursive === true);
  return await inGuestFiles(call.io, address.container, (files) => push(call, { files, address, local, source }));
};

interface Pushing {
  readonly files: GuestFiles;
  readonly address: GuestAddress;
  readonly local: LocalPath;
  readonly source: LocalSource;
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

async function sendContents(send: TreeSend, { parent, stats }: LocalSource, target: Buffer): Promise<void> {
  if (target.length > 0 && !(await send.directory(target, stats.mode))) return;
  await send.contents(parent, target);
}
