/** What a sandbox may reach, from the most to the least common. */
export const networkModes = ['restricted', 'allowlist', 'open', 'none'] as const;
export type NetworkMode = (typeof networkModes)[number];

/** What a sandbox may reach, reduced to what its mode takes note of: the same rules for the same meaning. */
export interface NetworkRules {
  readonly mode: NetworkMode;
  /** Whether private ranges of the local network may be reached, too. */
  readonly localNetwork?: true;
  /** Whether the addresses at which clouds keep their metadata service may be reached, too. */
  readonly metadata?: true;
  /** Names and addresses that `allowlist` lets through, keyed by their canonical text so that a change is one operation. */
  readonly allowed?: Readonly<Record<string, true>>;
  /** How often allowed names are looked up without being asked for; 0 means never. */
  readonly refreshMinutes?: number;
}
