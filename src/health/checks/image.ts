import { join } from 'node:path';
import { packageFolder } from '../../base/own-files.ts';
import { builtIn } from '../../spec/defaults.ts';
import { failed, ok, type HealthCheck } from '../check.ts';
import { findImage, imageName } from '../find-image.ts';
import { orWarning } from '../unseen.ts';

/** Where coi's own recipes of images are. */
const recipes = join(packageFolder, 'images');
const built = '/tmp/coi-image';

/** Whether there is an image to make sandboxes from. */
export const imageCheck: HealthCheck = {
  name: 'image',
  group: 'CRITICAL',
  look: async (sight) => {
    await sight.requireIncus();
    return orWarning(async () => {
      const name = imageName(sight);
      const image = await findImage(sight);
      if (image) {
        const { fingerprint } = image;
        return ok(`The image "${name}" is ${fingerprint.slice(0, 12)}`, { fingerprint });
      }
      return failed(`There is no image "${name}" in Incus`, fixFor(name, sight.host.incus.project));
    });
  },
};

function fixFor(name: string, project: string): string[] {
  const where = project === builtIn.incus.project ? '' : ` --project ${project}`;
  if (name !== builtIn.image) {
    return [
      `incus image list${where}`,
      `# Import it: incus image import METADATA ROOTFS --alias ${name}${where}. Or name another one: [defaults] image = "…"`,
    ];
  }
  return [
    `sudo ${recipes}/build-rootfs ${built}`,
    `incus image import ${built}/metadata.tar.xz ${built}/rootfs.squashfs --alias ${name}${where}`,
  ];
}
