import { Problem } from '../base/problem.ts';
import type { Image } from '../host/incus/images.ts';
import { usersOfImage } from '../image/users.ts';
import { parseVersion } from '../image/versions.ts';
import { exitCodes } from './failure.ts';
import { declaredUsers, requireComplete } from './image-users.ts';
import type { Io } from './io.ts';
import { namedImage } from './named-image.ts';
import { openOwnIncus } from './open-own-incus.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import type { Verb } from './verb.ts';

/** `coi image delete` */
export const imageDelete: Verb = async ({ io, args: [name = ''], options }) => {
  await using incus = await openOwnIncus(io);
  const image = await namedImage(incus, io, name);
  if (options['force'] !== true) {
    requireOneName(image, name);
    await requireUnused(io, image, name);
  }
  await withProgress(io, `Deleting image ${printable(name)}`, async () => {
    await incus.operations.finish(await incus.images.delete(image.fingerprint), { signal: io.signal });
  });
  io.stderr.write(`Deleted image ${printable(name)} (${image.fingerprint.slice(0, 12)})\n`);
  return exitCodes.done;
};

/** Whoever deletes a version may not know that it is the one that the plain name means. Versions of the name go with it. */
function requireOneName({ aliases }: Image, name: string): void {
  const others = aliases.filter((alias) => alias !== name && parseVersion(alias)?.name !== name);
  if (others.length === 0 || !aliases.includes(name)) return;
  throw new Problem({
    code: 'image.named',
    message: `The image ${name} is also called ${others.join(', ')}`,
    hint: `Delete it under all its names with: coi image delete ${name} --force`,
  });
}

async function requireUnused(io: Io, image: Image, name: string): Promise<void> {
  const declared = await declaredUsers(io);
  const found = usersOfImage(image, declared.users);
  if (found.length > 0) {
    throw new Problem({
      code: 'image.used',
      message: `The image ${name} is what ${found.join(', ')} would be made from`,
      hint: 'Declare another image there, or delete it all the same with --force',
    });
  }
  requireComplete(declared, `the image ${name}`);
}
