import { isIncusError } from '../../host/incus/errors.ts';
import type { StorageSpace } from '../../host/incus/storage.ts';
import { failed, ok, warning, type Finding, type HealthCheck } from '../check.ts';

const gibibyte = 2 ** 30;

/** How full the storage pool is that sandboxes lie in. */
export const storagePoolCheck: HealthCheck = {
  name: 'incus_storage_pool',
  group: 'STORAGE',
  look: async (sight) => {
    const { storagePool: name } = sight.settings;
    const { storage } = await sight.requireIncus();
    try {
      return judgeStoragePool(name, await storage.space(name, { signal: sight.signal }));
    } catch (error) {
      if (!isIncusError(error, 'gone')) throw error;
      return failed(`There is no storage pool "${name}"`, [
        'deploy/quickstart',
        '# Or name another one in /etc/coi/config.toml: [incus] storage_pool = "…"',
      ]);
    }
  },
};

/** Whether there is room: a warning below 5 GiB or above 80 %, a failure below 2 GiB or above 90 %. */
export function judgeStoragePool(name: string, { usedBytes, totalBytes }: StorageSpace): Finding {
  const free = totalBytes - usedBytes;
  const used = totalBytes === 0 ? 1 : usedBytes / totalBytes;
  const text = `The storage pool "${name}" has ${(free / gibibyte).toFixed(1)} GiB free, ${Math.round(used * 100)} % are used`;
  const fix = ['coi clean', `incus storage info ${name}`];
  if (free < 2 * gibibyte || used > 0.9) return failed(text, fix);
  return free < 5 * gibibyte || used > 0.8 ? warning(text, fix) : ok(text);
}
