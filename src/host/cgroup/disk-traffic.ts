import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PayloadGroup } from './payload.ts';

/** Bytes that passed between a group and one device since the group came to be. */
export interface DeviceTraffic {
  readonly read: number;
  readonly written: number;
}

/** Traffic by device, which is named by its numbers: `8:0`. */
export type DiskTraffic = ReadonlyMap<string, DeviceTraffic>;

/** Version 1 counts it here for a group with all below it; version 2 always does so. */
const recursiveFile = 'blkio.throttle.io_service_bytes_recursive';

/** The file that tells what a container reads and writes, whatever groups it makes for itself; undefined without any. */
export function trafficFile(groups: readonly PayloadGroup[]): string | undefined {
  const old = groups.find(({ version, controllers }) => version === 1 && controllers.includes('blkio'));
  if (old) return join(old.dir, recursiveFile);
  const unified = groups.find(({ version }) => version === 2);
  return unified && join(unified.dir, 'io.stat');
}

/**
 * Reads such a file; undefined when the group is gone. Does not block.
 *
 * Not counted: what came from the page cache or stayed in it; file systems that do their own input and output (ZFS); and
 * in version 1, what the kernel writes back later.
 *
 * @see Documentation/admin-guide/cgroup-v2.rst, io.stat; cgroup-v1/blkio-controller.rst
 */
export function readTraffic(file: string): DiskTraffic | undefined {
  try {
    return parseTraffic(readFileSync(file, 'utf8'));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}

/** `8:0 rbytes=1 wbytes=2 …` in version 2, `8:0 Read 1` and `8:0 Write 2` in version 1. */
export function parseTraffic(text: string): DiskTraffic {
  const traffic = new Map<string, DeviceTraffic>();
  for (const line of text.split('\n')) {
    const [, device, rest = ''] = /^(\d+:\d+) (.*)$/.exec(line) ?? [];
    if (device === undefined) continue;
    const before = traffic.get(device) ?? { read: 0, written: 0 };
    const read = /(?:rbytes=|Read )(\d+)/.exec(rest)?.[1];
    const written = /(?:wbytes=|Write )(\d+)/.exec(rest)?.[1];
    traffic.set(device, {
      read: read === undefined ? before.read : Number(read),
      written: written === undefined ? before.written : Number(written),
    });
  }
  return traffic;
}
