import type { NetworkRules } from './rules.ts';

/** Where a sandbox sits on the bridge. Known before its first start, because every part is chosen by us. */
export interface Endpoint {
  /** Host side interface name of the NIC, at most 15 characters. */
  readonly port: string;
  /** Lower case, colon separated. */
  readonly mac: string;
  readonly ipv4: string;
  /** The address that SLAAC forms from the bridge's prefix and the MAC; absent on a bridge without IPv6. */
  readonly ipv6?: string;
}

/** What one sandbox may reach, whatever backend enforces it. */
export interface NetworkPolicy {
  /** The stamp's uid: ties rules to their owner. */
  readonly uid: string;
  readonly endpoint: Endpoint;
  readonly rules: NetworkRules;
  /** Most ordinary new flows per second that are logged because the sandbox is watched; absent: it is not. */
  readonly watched?: number;
}

/** The bridge all sandboxes sit on. Addresses with prefix length, as Incus keeps them: `10.90.0.1/16`. */
export interface Bridge {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6?: string;
  /** Whether others' containers sit on it, too: then only what has to do with sandboxes is judged; the rest is left to Incus. */
  readonly shared?: true;
}
