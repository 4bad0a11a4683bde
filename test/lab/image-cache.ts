import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';

/** An image that labs can hold: `busybox` for fleets, `system` with systemd for everything else. */
export type ImageName = 'busybox' | 'system';

/** `BUILD --hash` prints the hash of everything the image is made from; `BUILD OUTDIR` makes meta* and rootfs* there. */
const builds: Record<ImageName, string> = {
  busybox: fileURLToPath(new URL('images/busybox/build', import.meta.url)),
  system: fileURLToPath(new URL('../../images/build-rootfs', import.meta.url)),
};

/** The two files of an image, as `incus image import` takes them. */
export interface ImageFiles {
  readonly meta: string;
  readonly rootfs: string;
}

/**
 * The files of an image, built first if the cache has none of this recipe: a second for `busybox`, a minute or two for
 * `system`. The cache is `COI_LAB_CACHE`, /var/cache/coi-lab unless set.
 *
 * @throws when the build fails; the message holds what it printed.
 */
export async function cachedImage(name: ImageName): Promise<ImageFiles> {
  const build = builds[name];
  if (!existsSync(build)) throw new Error(`Image ${name} cannot be built: ${build} is missing`);
  const { stdout: hash } = await execa(build, ['--hash']);
  const dir = join(process.env['COI_LAB_CACHE'] ?? '/var/cache/coi-lab', `${name}-${hash.slice(0, 16)}`);
  await execa(fileURLToPath(new URL('cached-build', import.meta.url)), [dir, build], { stdin: 'ignore' });
  const files = await readdir(dir);
  const pick = (prefix: string): string => {
    const file = files.find((each) => each.startsWith(prefix));
    if (file === undefined) throw new Error(`${build} made no ${prefix}*, only ${files.join(', ')}`);
    return join(dir, file);
  };
  return { meta: pick('meta'), rootfs: pick('rootfs') };
}
