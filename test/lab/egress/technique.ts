/** Sandboxes that try every technique, each under its manifest lines. */
export const modes = {
  none: ['mode = "none"'],
  allowlist: ['mode = "allowlist"'],
  'allowlist+lan': ['mode = "allowlist"', 'allow_local_network_access = true'],
  restricted: ['mode = "restricted"'],
  'restricted+lan': ['mode = "restricted"', 'allow_local_network_access = true'],
  'restricted+meta': ['mode = "restricted"', 'block_metadata_endpoint = false'],
  open: ['mode = "open"'],
} as const;

export type Mode = keyof typeof modes;
export const modeNames = Object.keys(modes) as Mode[];

/** What an allowlist names in these tests: one host of the internet, with the web's ports. */
export const allowed = { ipv4: '203.0.113.10', ipv6: '2001:db8:113::10' } as const;

/**
 * Where packets are counted. `internet`, `private`, `otherHost`: neighbours of the lab; `host`: what the host's own
 * programs get, past every rule; `sibling`: whatever shows up on the link of another sandbox; `self`: what shows up on
 * the sandbox's own link although it is meant for others.
 */
export const spots = ['internet', 'private', 'otherHost', 'host', 'sibling', 'self'] as const;
export type Spot = (typeof spots)[number];

/** Some way to get something out of a sandbox. */
export interface Technique {
  readonly name: string;
  /** Perl that sends it, with what `sender.ts` offers. It dies when it cannot. */
  readonly how: string;
  /** Where it may arrive, in which modes; nowhere else, ever. */
  readonly arrives?: Partial<Record<Spot, readonly Mode[]>>;
  /** Where all of it arrives once nothing is in the way. */
  readonly bare: readonly Spot[];
  /**
   * `draws`: it is not about what it sends itself, but about where the host's packets for the sibling go afterwards.
   * `boots`: carried out by init when the sandbox comes up again, under addresses of its own choice.
   */
  readonly kind?: 'draws' | 'boots';
  /** Where several modes let it through, it need not come through in all of them at once. */
  readonly contended?: true;
  /** What is not stopped but held to a number of packets. */
  readonly atMost?: { readonly modes: readonly Mode[]; readonly spot: Spot; readonly packets: number };
}

export const lan: readonly Mode[] = ['allowlist+lan', 'restricted+lan', 'open'];
export const metadata: readonly Mode[] = ['restricted+meta', 'open'];
export const publicly: readonly Mode[] = ['restricted', 'restricted+lan', 'restricted+meta', 'open'];
export const listed: readonly Mode[] = ['allowlist', 'allowlist+lan'];
export const everyMode: readonly Mode[] = [...listed, ...publicly];

/** Spots at which a technique may arrive in a mode. */
export function expectedSpots({ arrives = {} }: Technique, mode: Mode): Spot[] {
  return spots.filter((spot) => arrives[spot]?.includes(mode));
}

/** The mark that every packet of a technique carries, also where only letters and digits can stand. */
export function markOf(technique: number, guest: number): string {
  return `qz${technique}x${guest}q`;
}
