import { Problem } from '../base/problem.ts';

/** Family of an address or prefix. */
export type Family = 4 | 6;

/** An address as a number, so that arithmetic on it is plain. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

/** A range of addresses that share their first `length` bits; the other bits of `value` are zero. */
export interface Prefix extends Address {
  readonly length: number;
}

const widths = { 4: 32, 6: 128 } as const;
const decimalOctet = /^(?:0|[1-9]\d{0,2})$/;
const hexGroup = /^[0-9a-f]{1,4}$/i;

/**
 * An IPv4 address in four decimal parts or an IPv6 address in any form of RFC 4291 §2.2, without zone.
 * Undefined when the text is not one.
 */
export function parseAddress(text: string): Address | undefined {
  const value = text.includes(':') ? parseIPv6(text) : parseIPv4(text);
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value };
}

function parseIPv4(text: string): bigint | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => decimalOctet.test(part) && Number(part) <= 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function parseIPv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (!head || (halves.length === 2 && !tail)) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0n), ...(tail ?? [])];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** 16-bit groups of one side of `::`; the last one may be written as an IPv4 address. */
function parseGroups(text: string): bigint[] | undefined {
  if (text === '') return [];
  const groups: bigint[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    const embedded = index === parts.length - 1 ? parseIPv4(part) : undefined;
    if (embedded !== undefined) groups.push(embedded >> 16n, embedded & 0xffffn);
    else if (hexGroup.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

/** Text of an address as the kernel's tools print it: RFC 5952, hexadecimal groups only. */
export function renderAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let run = { start: 0, length: 0 };
  for (const [index, group] of groups.entries()) {
    if (group !== '0') run = { start: index + 1, length: 0 };
    else run = { start: run.start, length: run.length + 1 };
    if (run.length > best.length) best = run;
  }
  return best;
}

/** An address with its prefix length, as Incus keeps a bridge's own: `10.90.0.1/16`. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly prefix: Prefix;
}

/**
 * @throws Problem `network.address` when the text is not `ADDRESS/LENGTH`
 */
export function parseInterfaceAddress(text: string): InterfaceAddress {
  const slash = text.indexOf('/');
  const address = slash === -1 ? undefined : parseAddress(text.slice(0, slash));
  const digits = text.slice(slash + 1);
  const length = Number(digits);
  if (!address || !/^\d{1,3}$/.test(digits) || length > widths[address.family]) {
    throw new Problem({
      code: 'network.address',
      message: `"${text}" is not an address with a prefix length`,
      hint: 'Write it like 10.90.0.1/16 or fd42:90::1/64.',
    });
  }
  return { address, prefix: { family: address.family, length, value: address.value & prefixMask(address, length) } };
}

/** `ADDRESS/LENGTH` without bits beyond its length, or a single address. Undefined when the text is neither. */
export function parsePrefix(text: string): Prefix | undefined {
  const [host = '', digits, ...rest] = text.split('/');
  const address = parseAddress(host);
  if (!address || rest.length > 0) return undefined;
  const width = widths[address.family];
  const length = digits === undefined ? width : /^\d{1,3}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(length <= width)) return undefined;
  return { family: address.family, length, value: address.value & prefixMask(address, length) };
}

function prefixMask({ family }: Address, length: number): bigint {
  const width = widths[family];
  return ((1n << BigInt(length)) - 1n) << BigInt(width - length);
}

export function renderPrefix(prefix: Prefix): string {
  return `${renderAddress(prefix)}/${prefix.length}`;
}

/** Whether an address, or the whole of another prefix, lies inside a prefix of the same family. */
export function contains(prefix: Prefix, inner: Address | Prefix): boolean {
  const isWider = 'length' in inner && inner.length < prefix.length;
  const isInside = (inner.value & prefixMask(prefix, prefix.length)) === prefix.value;
  return prefix.family === inner.family && !isWider && isInside;
}

/** Count of addresses in a prefix. */
export function prefixSize({ family, length }: Prefix): bigint {
  return 1n << BigInt(widths[family] - length);
}
