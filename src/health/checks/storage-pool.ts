import type { StorageSpace } from '../../host/incus/storage.ts';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';
import { renderSize } from '../render-size.ts';
import { orWarning } from '../unseen.ts';

const gib = 2 ** 30;
/** From where there is too little: bytes that are free, and part of the whole that is used. */
const tight = { bytes: 5 * gib, used: 0.8 };
const full = { bytes: 2 * gib, used: 0.9 };

/** Whether there is room for root disks. */
export const storagePoolCheck: HealthCheck = {
  name: 'incus_storage_pool',
  group: 'STORAGE',
  look: async (sight) => {
    await sight.requireIncus();
    const { incus, signal } = sight;
    const { storagePool: name } = sight.host.incus;
    return orWarning(async () => {
      const known = (await incus.storage.list({ signal })).map((each) => each.name);
      if (!known.includes(name)) return missing(name, known);
      return judgeStoragePool(await incus.storage.space(name, { signal }), name);
    });
  },
};

function missing(name: string, known: readonly string[]): Finding {
  return failed(`There is no storage pool "${name}" in Incus; there is ${known.join(', ') || 'none'}`, [
    `incus storage create ${name} btrfs`,
    '# Or name another one in /etc/coi/config.toml: [incus] storage_pool = "…"',
  ]);
}

/** Boundaries themselves are still fine. */
export function judgeStoragePool({ usedBytes, totalBytes }: StorageSpace, name: string): Finding {
  const fix = [
    'coi clean',
    'incus image list',
    `# Delete images that nothing needs, or make it larger: incus storage set ${name} size=…`,
  ];
  if (totalBytes <= 0)
    return warning(`How full the storage pool "${name}" is cannot be told`, [`incus storage info ${name}`]);
  const free = totalBytes - usedBytes;
  const used = usedBytes / totalBytes;
  const details = { free_bytes: free, used_bytes: usedBytes, total_bytes: totalBytes };
  const text = `The storage pool "${name}" has ${renderSize(free)} free and is ${Math.ceil(used * 100)} % full`;
  const isBelow = (limit: typeof full) => free < limit.bytes || used > limit.used;
  if (isBelow(full)) return failed(`${text}: sandboxes are about to fail to write`, fix, details);
  if (isBelow(tight)) return warning(text, fix, details);
  return ok(text, details);
}
