import { exitCodes } from './failure.ts';
import { resolveAlias } from './named-image.ts';
import { openOwnIncus } from './open-own-incus.ts';
import type { Verb } from './verb.ts';

/** `coi image exists` */
export const imageExists: Verb = async ({ io, args: [alias = ''] }) => {
  await using incus = await openOwnIncus(io);
  return (await resolveAlias(incus, io, alias)) === undefined ? exitCodes.failed : exitCodes.done;
};
