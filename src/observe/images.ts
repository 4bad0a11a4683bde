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
