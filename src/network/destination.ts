import { parseAddress, renderAddress } from './address.ts';
import type { Address } from './address.ts';
import { canonicalName } from './allow-entry.ts';

/** Where a packet goes. Protocols are named as nft names them; only TCP and UDP have a port here. */
export interface Destination {
  readonly address: Address;
  readonly proto: string;
  readonly port?: number;
}

/** Where a person asks about: an address, or a name that nobody looks up for the answer. */
export type Asked =
  | ({ readonly kind: 'address' } & Destination & { readonly port: number })
  | { readonly kind: 'name'; readonly name: string; readonly proto: 'tcp' | 'udp'; readonly port: number };

const form =
  /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^[\]:/]+))(?::(?<port>\d{1,5}))?(?:\/(?<proto>tcp|udp))?$|^(?<bare>[0-9a-f:.]+)$/i;

/**
 * Reads `HOST:PORT`, `HOST:PORT/udp`, `[IPV6]:PORT` or a bare HOST, which means TCP port 443.
 *
 * @returns a sentence that says what is wrong, when the text is none of these
 */
export function parseAsked(text: string): Asked | string {
  const groups = form.exec(text.trim())?.groups;
  const host = groups?.['bracketed'] ?? groups?.['plain'] ?? groups?.['bare'];
  if (!groups || host === undefined) return 'It is neither HOST:PORT nor HOST; an IPv6 address stands in brackets.';
  const port = Number(groups['port'] ?? 443);
  if (port < 1 || port > 65_535) return 'A port is a number from 1 to 65535.';
  const proto = groups['proto']?.toLowerCase() === 'udp' ? 'udp' : 'tcp';
  const address = parseAddress(host);
  if (address) return { kind: 'address', address, proto, port };
  const name = groups['bracketed'] === undefined ? canonicalName(host) : undefined;
  return name === undefined ? 'It is neither a name nor an address.' : { kind: 'name', name, proto, port };
}

/** The text of a destination as {@link parseAsked} reads it, for protocols without ports `ADDRESS (PROTOCOL)`. */
export function renderDestination({ address, proto, port }: Destination): string {
  const host = renderAddress(address);
  if (port === undefined) return `${host} (${proto})`;
  return `${address.family === 6 ? `[${host}]` : host}:${port}${proto === 'tcp' ? '' : `/${proto}`}`;
}
