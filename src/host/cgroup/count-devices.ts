import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseHierarchies } from './payload.ts';

/** A group of ours that exists for a moment; one for each process, so that none removes another's. */
const groupName = `coi.counting.${process.pid}`;

/**
 * Makes the kernel count what passes to and from every disk. It does so by itself in version 2; in version 1 only once a
 * limit was set for a disk, in whatever group. Ours is "no limit", and its group holds nothing and goes again. Does not block.
 *
 * @throws {Error} when the kernel refuses for a reason other than a disk that is gone
 * @see Documentation/admin-guide/cgroup-v1/blkio-controller.rst; tg_set_conf in block/blk-throttle.c, Linux 6.10
 */
export function countDevices(): void {
  const old = parseHierarchies(readFileSync('/proc/self/mountinfo', 'utf8')).find(({ controllers }) =>
    controllers.includes('blkio'),
  );
  if (!old) return;
  const group = join(old.mountPoint, groupName);
  mkdirSync(group, { recursive: true });
  try {
    for (const disk of readdirSync('/sys/block')) setNoLimit(group, disk);
  } finally {
    rmdirSync(group);
  }
}

function setNoLimit(group: string, disk: string): void {
  try {
    const hasSize = Number(readFileSync(`/sys/block/${disk}/size`, 'latin1')) > 0;
    const device = readFileSync(`/sys/block/${disk}/dev`, 'latin1').trim();
    if (hasSize) writeFileSync(join(group, 'blkio.throttle.read_bps_device'), `${device} 0`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENODEV', 'ENXIO', 'EOPNOTSUPP'].includes(code ?? '')) throw error;
  }
}
