import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import type { Lab } from '../lab/lab.ts';

const build = fileURLToPath(new URL('build-cached.ts', import.meta.url));
const cachedBuild = fileURLToPath(new URL('../lab/cached-build', import.meta.url));

/** How long the largest may take on a busy machine with slow registries, in milliseconds. */
export const longestBuildMs = 3_600_000;

/**
 * Imports the image of one of our definitions into a lab under the definition's name. It is built first, by `coi build` and from
 * the registries, if the cache has none of this content.
 *
 * @throws when the build fails; the message holds what it printed
 */
export async function importDefinition(lab: Lab, name: string): Promise<void> {
  const { stdout: hash } = await execa(process.execPath, [build, name, '--hash']);
  const cache = process.env['COI_LAB_CACHE'] ?? '/var/cache/coi-lab';
  const dir = join(cache, `definition.${name}-${hash.slice(0, 16)}`);
  await execa(cachedBuild, [dir, process.execPath, build, name], { stdin: 'ignore', stderr: 'inherit' });
  // One file, or two where metadata and root file system are apart: the first in order has the metadata.
  const files = (await readdir(dir)).toSorted((a, b) => a.length - b.length).map((file) => join(dir, file));
  await lab.inside.output(['incus', 'image', 'import', ...files, '--alias', name], { timeoutMs: 600_000 });
}
