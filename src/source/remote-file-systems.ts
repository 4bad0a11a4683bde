import { statfs } from 'node:fs/promises';

/** File systems whose other writers inotify(7) does not see. Numbers from statfs(2) and linux/magic.h. */
const remoteTypes = new Set([
  0x6969, // NFS
  0x01021997, // 9p
  0x65735546, // FUSE, virtiofs
  0xff534d42, // CIFS
  0xfe534d42, // SMB 2
  0x517b, // SMB
  0x00c36400, // Ceph
  0x5346414f, // AFS
]);

/** Whether changes in a directory have to be looked for because the kernel may not tell of them. */
export async function needsPolling(path: string): Promise<boolean> {
  const { type } = await statfs(path);
  return remoteTypes.has(type >>> 0);
}
