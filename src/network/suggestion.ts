import { renderAddress } from './address.ts';
import { parseAllowEntry, renderAllowEntry } from './allow-entry.ts';
import type { Destination } from './destination.ts';
import { judge, judgeName } from './judge.ts';
import type { Surroundings } from './judge.ts';
import type { NetworkRules } from './rules.ts';

/** The one line of a manifest that would allow something. */
export interface Suggestion {
  /** Key below the sandbox's table. */
  readonly key: string;
  /** The whole line; for the allowlist with its entries and the new one. */
  readonly line: string;
  /** The entry that is new in `allowed_domains`. */
  readonly entry?: string;
}

interface Candidate extends Suggestion {
  readonly rules: NetworkRules;
}

/**
 * The narrowest line that lets a destination through; undefined when no setting does. Mode `open` is never suggested to
 * somebody who has another one: it lets everything through.
 *
 * @param name what the sandbox asked for before it came to this address: an entry by name outlives the address
 */
export function suggest(
  rules: NetworkRules,
  around: Surroundings,
  { to, name }: { readonly to: Destination; readonly name?: string | undefined },
): Suggestion | undefined {
  const { proto, port } = to;
  const byName = name !== undefined && isPortProto(proto) && port !== undefined ? { proto, port } : undefined;
  if (byName) {
    const found = suggestName(rules, name!, byName);
    if (found) return found;
  }
  const host = renderAddress(to.address);
  const found = candidates(rules, entryFor(to.address.family === 6 ? `[${host}]` : host, to)).find(
    (candidate) => judge(candidate.rules, around, to).allowed,
  );
  return found && bare(found);
}

/** The narrowest line that lets a sandbox ask for a name and reach it at a port; undefined when no setting does. */
export function suggestName(
  rules: NetworkRules,
  name: string,
  to: { readonly proto: 'tcp' | 'udp'; readonly port: number },
): Suggestion | undefined {
  const found = candidates(rules, entryFor(name, to)).find((candidate) => judgeName(candidate.rules, name, to).allowed);
  return found && bare(found);
}

function isPortProto(proto: string): proto is 'tcp' | 'udp' {
  return proto === 'tcp' || proto === 'udp';
}

/** An entry for the ports of the web where they are meant, else for the one port; none for what has no ports. */
function entryFor(host: string, { proto, port }: Pick<Destination, 'proto' | 'port'>): string | undefined {
  if (!isPortProto(proto) || port === undefined) return undefined;
  const isWeb = (proto === 'tcp' && (port === 80 || port === 443)) || (proto === 'udp' && port === 443);
  const text = isWeb ? host.replaceAll(/[[\]]/g, '') : `${host}:${port}${proto === 'udp' ? '/udp' : ''}`;
  const entry = parseAllowEntry(text);
  return typeof entry === 'string' ? undefined : renderAllowEntry(entry);
}

/** What could be written, the narrowest first. */
function candidates(rules: NetworkRules, entry: string | undefined): Candidate[] {
  const { mode, allowed = {} } = rules;
  if (mode === 'none') {
    const local = 'network = { mode = "restricted", allow_local_network_access = true }';
    return [
      { key: 'network.mode', line: 'network.mode = "restricted"', rules: { mode: 'restricted' } },
      { key: 'network', line: local, rules: { mode: 'restricted', localNetwork: true } },
    ];
  }
  if (mode === 'allowlist') {
    if (entry === undefined) return [];
    const entries = [...new Set([...Object.keys(allowed), entry])];
    const key = 'network.allowed_domains';
    const line = `${key} = [${entries.map((each) => JSON.stringify(each)).join(', ')}]`;
    return [{ key, line, entry, rules: { ...rules, allowed: { ...allowed, [entry]: true } } }];
  }
  if (mode !== 'restricted') return [];
  return [
    {
      key: 'network.block_metadata_endpoint',
      line: 'network.block_metadata_endpoint = false',
      rules: { ...rules, metadata: true },
    },
    {
      key: 'network.allow_local_network_access',
      line: 'network.allow_local_network_access = true',
      rules: { ...rules, localNetwork: true },
    },
  ];
}

function bare({ key, line, entry }: Candidate): Suggestion {
  return { key, line, ...(entry !== undefined && { entry }) };
}
