import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import { builtIn } from '../spec/defaults.ts';
import { mayBeFingerprint } from '../spec/names.ts';
import type { Sight } from './sight.ts';

/** The image of sandboxes that name none. */
export function imageName({ seen }: Pick<Sight, 'seen'>): string {
  return seen.settings.layer.defaults?.image ?? builtIn.image;
}

/** That image by its alias or fingerprint; undefined where there is none. @throws {IncusError} */
export async function findImage({
  seen,
  incus: { images },
  signal,
}: Pick<Sight, 'seen' | 'incus' | 'signal'>): Promise<Image | undefined> {
  const name = imageName({ seen });
  const fingerprint = (await images.resolve(name, { signal })) ?? (mayBeFingerprint(name) ? name : undefined);
  if (fingerprint === undefined) return undefined;
  try {
    return await images.get(fingerprint, { signal });
  } catch (error) {
    // Not being there is an answer to this question.
    if (isIncusError(error, 'gone')) return undefined;
    throw error;
  }
}
