import { contains, parseAddress, renderAddress } from '../address.ts';
import type { Prefix } from '../address.ts';
import { isPrivate, isSpecial } from '../special-ranges.ts';

/** Where names never lead, whatever a list says. */
export interface OwnPlaces {
  /** Prefixes of the bridge. */
  readonly bridge: readonly Prefix[];
  /** Addresses of the host itself, in canonical form. */
  readonly host: ReadonlySet<string>;
}

/**
 * Whether a name may lead to an address: it must not be special, a metadata service's, the bridge's or the host's own, and
 * private only where the local network may be reached. Else whoever answers for a name could open what they like.
 */
export function isUsable(text: string, localNetwork: boolean, own: OwnPlaces): boolean {
  const address = parseAddress(text);
  if (!address || isSpecial(address) || own.host.has(renderAddress(address))) return false;
  if (own.bridge.some((prefix) => contains(prefix, address))) return false;
  return localNetwork || !isPrivate(address);
}
