import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';

/**
 * Make sure that Incus has the storage pool that sandboxes are to lie in.
 *
 * @throws {Problem} `storage.missing` that names those there are
 */
export async function requireStoragePool(
  { storage }: Pick<Incus, 'storage'>,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const pools = await storage.list({ signal });
  if (pools.some((pool) => pool.name === name)) return;
  const known = pools.map((pool) => pool.name).join(', ') || 'none';
  throw new Problem({
    code: 'storage.missing',
    message: `There is no storage pool "${name}" in Incus; there is ${known}`,
    hint: 'Make it with deploy/quickstart, or name another one in /etc/coi/config.toml: [incus] storage_pool = "…"',
  });
}
