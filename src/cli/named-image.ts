import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Image } from '../host/incus/images.ts';
import { mayBeFingerprint } from '../spec/names.ts';
import type { Io } from './io.ts';
import { UsageProblem } from './usage.ts';

/** The image of an alias, or of a fingerprint or its beginning. @throws {Problem} `image.none` */
export async function namedImage({ images }: Pick<Incus, 'images'>, io: Io, name: string): Promise<Image> {
  const { signal } = io;
  const fingerprint = (await resolveAlias({ images }, io, name)) ?? (mayBeFingerprint(name) ? name : undefined);
  if (fingerprint === undefined) throw noImage(name);
  try {
    return await images.get(fingerprint, { signal });
  } catch (error) {
    if (isIncusError(error, 'gone')) throw noImage(name);
    throw error;
  }
}

/** What an alias stands for; undefined also for what can be none. */
export async function resolveAlias(
  { images }: Pick<Incus, 'images'>,
  { signal }: Io,
  alias: string,
): Promise<string | undefined> {
  return isAlias(alias) ? images.resolve(alias, { signal }) : undefined;
}

/** Whether a text may be an alias: one that can be typed, and put into a path. */
export function isAlias(text: string): boolean {
  return /^[^\s\p{C}-][^\s\p{C}]{0,199}$/u.test(text) && !/^\.+$/.test(text);
}

/** @throws {UsageProblem} unless a text may be an alias of a new image */
export function requireAlias(text: string): void {
  if (isAlias(text)) return;
  throw new UsageProblem(
    `${JSON.stringify(text.slice(0, 80))} cannot be an alias of an image`,
    'Take letters, digits and dashes, up to 200, without blanks, and no dash in front',
  );
}

function noImage(name: string): Problem {
  return new Problem({
    code: 'image.none',
    message: `There is no image ${JSON.stringify(name.slice(0, 80))}`,
    hint: 'See all of them with: coi image list --all',
  });
}
