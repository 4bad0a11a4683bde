import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** An image that labs can hold: `busybox` for fleets, `system` with systemd for everything else. */
export type ImageName = 'busybox' | 'system';

interface Recipe {
  /** Called with the directory to fill. */
  readonly build: string;
  /** Files and folders whose content decides what is built. */
  readonly inputs: readonly string[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

const recipes: Record<ImageName, Recipe> = {
  busybox: {
    build: join(root, 'test/lab/images/busybox/build'),
    inputs: [join(root, 'test/lab/images/busybox'), '/bin/busybox'],
  },
  system: {
    build: join(root, 'images/build-rootfs'),
    inputs: [
      join(root, 'images/build-rootfs'),
      join(root, 'images/base'),
      join(root, 'images/dummy'),
      '/etc/os-release',
    ],
  },
};

/**
 * The two files of an image, built first if the cache has none of this recipe.
 * The cache is `COI_LAB_CACHE`, /var/cache/coi-lab unless set; building `system` takes a minute.
 */
export async function cachedImage(name: ImageName): Promise<{ meta: string; rootfs: string }> {
  const { build, inputs } = recipes[name];
  if (!existsSync(build)) throw new Error(`Image ${name} cannot be built: ${build} is missing`);
  const cache = process.env['COI_LAB_CACHE'] ?? '/var/cache/coi-lab';
  const dir = join(cache, `${name}-${(await contentHash(inputs)).slice(0, 16)}`);
  await execa(fileURLToPath(new URL('cached-build', import.meta.url)), [dir, build], { stdin: 'ignore' });
  const files = await readdir(dir);
  const pick = (prefix: string): string => {
    const file = files.find((each) => each.startsWith(prefix));
    if (file === undefined) throw new Error(`${build} made no ${prefix}*, only ${files.join(', ')}`);
    return join(dir, file);
  };
  return { meta: pick('meta.tar'), rootfs: pick('rootfs.') };
}

async function contentHash(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const path of paths) {
    for (const file of await filesUnder(path)) {
      const content = await readFile(file);
      hash.update(`${file.startsWith(root) ? file.slice(root.length) : file}\0${content.length}\0`).update(content);
    }
  }
  return hash.digest('hex');
}

async function filesUnder(path: string): Promise<string[]> {
  if (!existsSync(path)) return [];
  if (!(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
