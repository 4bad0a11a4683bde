import { createHash } from 'node:crypto';
import { Problem } from '../base/problem.ts';
import { parseAddress, parseInterfaceAddress, prefixSize, renderAddress } from './address.ts';
import type { Address, Prefix } from './address.ts';
import type { Bridge, Endpoint } from './policy.ts';

/** Host parts below this one stay free for the gateway and for addresses that people give out by hand. */
const firstHostPart = 11n;
/** MAC addresses carry 16 bits of the IPv4 address, so a wider bridge prefix would give two sandboxes the same one. */
const shortestPrefix = 16;
const linkLocalPrefix: Prefix = { family: 6, length: 64, value: 0xfe80n << 112n };

const portPattern = /^coi[0-9a-z]{12}$/;
const macPattern = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/;

/** Whether an interface name is one that {@link portName} can have made. */
export function isPortName(name: string): boolean {
  return portPattern.test(name);
}

export function isMac(text: string): boolean {
  return macPattern.test(text);
}

/**
 * Host side interface name of a sandbox: `coi` and the last 12 signs of its uid in lower case, 60 random bits of a ULID,
 * which together fill the 15 signs that the kernel allows (IFNAMSIZ).
 */
export function portName(uid: string): string {
  const name = `coi${uid.slice(-12).toLowerCase()}`;
  if (isPortName(name)) return name;
  throw new Problem({
    code: 'network.uid',
    message: `No interface name can be made from the uid "${uid}"`,
    hint: 'A uid is a ULID: 26 letters and digits.',
  });
}

/** MAC of the sandbox with this IPv4 address: the block that Incus uses, our marker, and the low 16 bits. */
export function macFor(ipv4: string): string {
  const low = mustParse(ipv4).value & 0xffffn;
  return `10:66:6a:c0:${hexOctet(low >> 8n)}:${hexOctet(low & 0xffn)}`;
}

function hexOctet(value: bigint): string {
  return value.toString(16).padStart(2, '0');
}

/** Address that SLAAC forms from a /64 prefix and a MAC. See RFC 4291, appendix A. */
export function slaacAddress(prefix: Prefix, mac: string): string {
  const octets = mac.split(':').map((octet) => BigInt(`0x${octet}`));
  const withFlippedBit = [octets[0]! ^ 2n, octets[1]!, octets[2]!, 0xffn, 0xfen, octets[3]!, octets[4]!, octets[5]!];
  const identifier = withFlippedBit.reduce((value, octet) => (value << 8n) | octet, 0n);
  return renderAddress({ family: 6, value: prefix.value | identifier });
}

/** Link-local address that a kernel without privacy addresses forms from a MAC. */
export function linkLocalAddress(mac: string): string {
  return slaacAddress(linkLocalPrefix, mac);
}

/** What {@link chooseEndpoint} needs. `taken` holds the IPv4 addresses in use on the bridge, by anybody. */
export interface EndpointChoice {
  readonly uid: string;
  readonly bridge: Bridge;
  readonly taken: ReadonlySet<string>;
}

/**
 * Where a new sandbox goes on the bridge: the uid decides where the search for a free IPv4 address begins, so that the
 * same uid gets the same address while the bridge is not crowded; all else follows from the address.
 *
 * @throws Problem `network.full` when no address is left, `network.prefix` when the bridge's prefixes do not fit
 */
export function chooseEndpoint({ uid, bridge, taken }: EndpointChoice): Endpoint {
  const { address: gateway, prefix } = parseInterfaceAddress(bridge.ipv4);
  const prefix6 = bridge.ipv6 === undefined ? undefined : parseInterfaceAddress(bridge.ipv6).prefix;
  requireUsable(bridge, prefix, prefix6);
  const ipv4 = freeAddress({ uid, prefix, gateway, taken });
  if (ipv4 === undefined) {
    throw new Problem({
      code: 'network.full',
      message: `Every address of the bridge ${bridge.name} (${bridge.ipv4}) is taken`,
      hint: 'Delete sandboxes that are no longer needed, or give the bridge a wider prefix.',
      retry: 'backoff',
    });
  }
  const mac = macFor(ipv4);
  return { port: portName(uid), mac, ipv4, ...(prefix6 ? { ipv6: slaacAddress(prefix6, mac) } : {}) };
}

function requireUsable(bridge: Bridge, prefix: Prefix, prefix6: Prefix | undefined): void {
  if (prefix.family !== 4 || prefix.length < shortestPrefix || prefix.length > 27) {
    throw new Problem({
      code: 'network.prefix',
      message: `The bridge ${bridge.name} has the IPv4 prefix ${bridge.ipv4}, which sandboxes cannot be placed in`,
      hint: `Give it an IPv4 prefix of /${shortestPrefix} to /27.`,
    });
  }
  if (prefix6 && (prefix6.family !== 6 || prefix6.length !== 64)) {
    throw new Problem({
      code: 'network.prefix',
      message: `The bridge ${bridge.name} has the IPv6 prefix ${bridge.ipv6}, from which no addresses can be formed`,
      hint: 'Give it an IPv6 prefix of /64, or none.',
    });
  }
}

function freeAddress(search: {
  uid: string;
  prefix: Prefix;
  gateway: Address;
  taken: ReadonlySet<string>;
}): string | undefined {
  const usable = prefixSize(search.prefix) - firstHostPart - 1n;
  const start = BigInt(createHash('sha256').update(search.uid).digest().readUInt32BE(0)) % usable;
  for (let probe = 0n; probe < usable; probe++) {
    const value = search.prefix.value + firstHostPart + ((start + probe) % usable);
    const text = renderAddress({ family: 4, value });
    if (value !== search.gateway.value && !search.taken.has(text)) return text;
  }
  return undefined;
}

function mustParse(text: string): Address {
  const address = parseAddress(text);
  if (address?.family === 4) return address;
  throw new Problem({ code: 'network.address', message: `"${text}" is not an IPv4 address` });
}
