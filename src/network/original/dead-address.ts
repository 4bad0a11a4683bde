import { contains, parseAddress, parseInterfaceAddress } from '../address.ts';

/** What decides whose an address is. */
export interface AddressUse {
  /** Addresses of the bridges that Incus manages, with prefix length: `10.90.0.1/16`. */
  readonly bridges: readonly string[];
  /** Every IPv4 address that an instance has, or has set aside. */
  readonly taken: ReadonlySet<string>;
}

/** Makes the test whether an address lies on a bridge of Incus and belongs neither to an instance nor to the bridge. */
export function deadAddressTest({ bridges, taken }: AddressUse): (address: string) => boolean {
  const interfaces = bridges.map(parseInterfaceAddress);
  return (text) => {
    const address = parseAddress(text);
    if (!address || taken.has(text)) return false;
    return (
      interfaces.some(({ prefix }) => contains(prefix, address)) &&
      !interfaces.some((own) => own.address.value === address.value)
    );
  };
}
