import { basename } from 'node:path';

/** Marks a directory as a source; see sentinel.ts. */
export const sentinelName = '.coi-source';

/** The link that Kubernetes' ConfigMap and projected volumes swap to publish a new set of files at once. */
const publishedData = '..data';

/**
 * Names nobody means as a manifest or a folder of manifests: hidden ones, and what editors leave behind while they save:
 * vim (`.x.swp`, `x~`, `4913`), Emacs (`#x#`, `.#x`), and writers that rename a temporary file into place.
 */
export function isIgnored(name: string): boolean {
  return /^\.|^#.*#$|~$|^4913$|\.(?:tmp|swp|swx|bak)$/i.test(name);
}

/** Whether a name, without folder, is one of a manifest file. */
export function isManifestName(name: string): boolean {
  return name.endsWith('.toml') && !isIgnored(name);
}

/**
 * Whether an event for this path may mean that a manifest changed. Other names are passed over, because the temporary
 * file of a save would only delay the hint of the save itself; folders that come and go are reported by name elsewhere.
 */
export function isTelling(path: string): boolean {
  const name = basename(path);
  return name === publishedData || isManifestName(name);
}
