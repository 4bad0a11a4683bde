import { domainToASCII } from 'node:url';
import { contains, parsePrefix, renderAddress, renderPrefix } from './address.ts';
import type { Prefix } from './address.ts';
import { isPrivate, specialPrefixes } from './special-ranges.ts';

/** One port that an entry opens; an entry without one opens those of the web. */
export interface AllowedPort {
  readonly proto: 'tcp' | 'udp';
  readonly port: number;
}

/** One entry of an allowlist. `name` of a wildcard is what follows `*.`; it stands for names below, not for itself. */
export type AllowEntry = { readonly port?: AllowedPort } & (
  | { readonly kind: 'name' | 'wildcard'; readonly name: string }
  | { readonly kind: 'prefix'; readonly prefix: Prefix }
);

/** What an entry without a port opens: HTTP, HTTPS and HTTP/3. */
export const webPorts: readonly AllowedPort[] = [
  { proto: 'tcp', port: 80 },
  { proto: 'tcp', port: 443 },
  { proto: 'udp', port: 443 },
];

const form = /^(?:\[(?<bracketed>[^\]]+)\]|(?<plain>[^[\]]+?))(?::(?<port>\d{1,5})(?:\/(?<proto>tcp|udp))?)?$/;
const label = /^(?!-)[a-z0-9_-]{1,63}(?<!-)$/;

/**
 * Reads `name`, `*.name`, an address or a prefix, each with or without `:PORT` (TCP) or `:PORT/udp`. An IPv6 address
 * stands in brackets when a port follows.
 *
 * @returns a sentence that says what is wrong, when the text is no entry
 */
export function parseAllowEntry(text: string): AllowEntry | string {
  // Before the port is looked for: the last part of an IPv6 address could be taken for one.
  const whole = parsePrefix(text);
  if (whole) return asPrefix(whole, undefined);
  const groups = form.exec(text.trim())?.groups;
  if (!groups) return neither;
  const port = portOf(groups);
  if (typeof port === 'string') return port;
  const host = groups['bracketed'] ?? groups['plain'] ?? '';
  const prefix = parsePrefix(host);
  return prefix ? asPrefix(prefix, port) : asName(host, port);
}

const neither = 'It is neither a name nor an address.';

function asPrefix(prefix: Prefix, port: AllowedPort | undefined): AllowEntry | string {
  return prefixFault(prefix) ?? { kind: 'prefix', prefix, ...(port && { port }) };
}

function portOf(groups: Readonly<Record<string, string | undefined>>): AllowedPort | string | undefined {
  if (groups['port'] === undefined) return undefined;
  const port = Number(groups['port']);
  if (port < 1 || port > 65_535) return 'A port is a number from 1 to 65535.';
  if (port === 53 || port === 853) return 'Names are looked up by coi itself: ports 53 and 853 stay shut.';
  return { proto: groups['proto'] === 'udp' ? 'udp' : 'tcp', port };
}

function asName(host: string, port: AllowedPort | undefined): AllowEntry | string {
  const isWildcard = host.startsWith('*.');
  const name = canonicalName(isWildcard ? host.slice(2) : host);
  if (name === undefined) return neither;
  if (isWildcard && !name.includes('.'))
    return 'A wildcard for a whole top-level domain would let nearly everything through.';
  return { kind: isWildcard ? 'wildcard' : 'name', name, ...(port && { port }) };
}

/** A host name in lower case, in ASCII (RFC 5891), without the dot at its end; undefined when it is none (RFC 1123). */
export function canonicalName(text: string): string | undefined {
  // What may end a host name in a URL would be left out without a word.
  if (/[\s/?#@:\\%]/.test(text)) return undefined;
  const name = domainToASCII(text.replace(/\.$/, '')).toLowerCase();
  const isName = name.length > 0 && name.length <= 253 && name.split('.').every((part) => label.test(part));
  // What consists of numbers alone would be an address to some, a name to others.
  return isName && !/^[0-9.]+$/.test(name) ? name : undefined;
}

/** Never: what is no host's address elsewhere. A wider prefix must not smuggle such ranges in either. */
function prefixFault(prefix: Prefix): string | undefined {
  if (isPrivate(prefix)) return undefined;
  const special = specialPrefixes.find((range) => contains(range, prefix) || contains(prefix, range));
  return special && `It touches ${renderPrefix(special)}, which an allowlist never opens.`;
}

/** The one text of an entry; entries that mean the same have the same. */
export function renderAllowEntry(entry: AllowEntry): string {
  const { port } = entry;
  const suffix = port ? `:${port.port}${port.proto === 'udp' ? '/udp' : ''}` : '';
  if (entry.kind !== 'prefix') return `${entry.kind === 'wildcard' ? '*.' : ''}${entry.name}${suffix}`;
  const host = renderHost(entry.prefix);
  return suffix && entry.prefix.family === 6 ? `[${host}]${suffix}` : `${host}${suffix}`;
}

/** The canonical text of an entry; a text that is none, which the schema refuses, stays as it is. */
export function canonicalAllowEntry(text: string): string {
  const entry = parseAllowEntry(text);
  return typeof entry === 'string' ? text : renderAllowEntry(entry);
}

/** A prefix that is a single address is written as one. */
export function renderHost(prefix: Prefix): string {
  return prefix.length === (prefix.family === 4 ? 32 : 128) ? renderAddress(prefix) : renderPrefix(prefix);
}

/** Whether an entry speaks of a name. */
export function matchesName(entry: AllowEntry, name: string): boolean {
  if (entry.kind === 'name') return entry.name === name;
  return entry.kind === 'wildcard' && name.endsWith(`.${entry.name}`);
}

/** The entries of an allowlist as `NetworkRules` keeps them. Texts that are no entries were refused before. */
export function allowEntries(allowed: Readonly<Record<string, true>> = {}): AllowEntry[] {
  return Object.keys(allowed)
    .map(parseAllowEntry)
    .filter((entry) => typeof entry !== 'string');
}
