import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findIncusd } from './incus-daemon.ts';

const programs = ['incus', 'nft', 'ip', 'dnsmasq', 'mkfs.btrfs', 'busybox', 'nsenter', 'unshare', 'flock', 'ps'];

const standardFolders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/**
 * Makes sure that a real Incus can run here. A test without one fails, it is never skipped.
 *
 * @throws when something is missing; the message lists everything that is.
 */
export function requireLab(folders: readonly string[] = standardFolders): void {
  const missing = programs.filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (findIncusd() === undefined) missing.unshift('incusd');
  if (process.getuid?.() !== 0) missing.unshift('root rights');
  if (missing.length === 0) return;
  throw new Error(
    `The lab tests need a real Incus, and this machine lacks: ${missing.join(', ')}. Run test/lab/install as root`,
  );
}
