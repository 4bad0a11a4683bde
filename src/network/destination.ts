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
  const { bracketed, plain, bare, port = '443', proto = 'tcp' } = form.exec(text.trim())?.groups ?? {};
  const host = [bracketed, plain, bare].find((each) => each !== undefined);
  if (host === undefined) return 'It is neither HOST:PORT nor HOST; an IPv6 address stands in brackets.';
  const to = { proto: protocolOf(proto), port: Number(port) };
  if (to.port < 1 || to.port > 65_535) return 'A port is a number from 1 to 65535.';
  const address = parseAddress(host);
  const name = canonicalName(host);
  if (address) return { kind: 'address', address, ...to };
  // Only addresses stand in brackets.
  return name === undefined || bracketed ? 'It is neither a name nor an address.' : { kind: 'name', name, ...to };
}

function protocolOf(text: string): 'tcp' | 'udp' {
  return text.toLowerCase() === 'udp' ? 'udp' : 'tcp';
}

/** The text of a destination as {@link parseAsked} reads it, for protocols without ports `ADDRESS (PROTOCOL)`. */
export function renderDestination({ address, proto, port }: Destination): string {
  const host = renderAddress(address);
  if (port === undefined) return `${host} (${proto})`;
  return `${address.family === 6 ? `[${host}]` : host}:${port}${proto === 'tcp' ? '' : `/${proto}`}`;
}
