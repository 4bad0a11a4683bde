import { isIncusError } from '../host/incus/errors.ts';
import type { Images } from '../host/incus/images.ts';
import { isFingerprint } from '../spec/names.ts';

/** Asks Incus whether an image alias exists. */
export type AliasLookup = (alias: string, signal: AbortSignal) => Promise<boolean>;

/** Which image aliases exist. What was there is remembered until Incus reports a change; what was missing is asked again. */
export class ImageAliases {
  readonly #lookup: AliasLookup;
  readonly #known = new Set<string>();

  constructor(lookup: AliasLookup) {
    this.#lookup = lookup;
  }

  async exists(alias: string, signal: AbortSignal): Promise<boolean> {
    if (this.#known.has(alias)) return true;
    const exists = await this.#lookup(alias, signal);
    if (exists) this.#known.add(alias);
    return exists;
  }

  /** Images changed: ask again. */
  forget(): void {
    this.#known.clear();
  }
}

/** Whether there is an image with an alias, or with a fingerprint where that is given in full. */
export function imageLookup(images: Pick<Images, 'resolve' | 'get'>): AliasLookup {
  return async (name, signal) => {
    if (!isFingerprint(name)) return (await images.resolve(name, { signal })) !== undefined;
    try {
      await images.get(name, { signal });
      return true;
    } catch (error) {
      // Not being there is an answer to this question.
      if (isIncusError(error, 'gone')) return false;
      throw error;
    }
  };
}
