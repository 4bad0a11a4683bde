import type { Answer, DecodedPacket, StringAnswer } from 'dns-packet';
import { parseAddress, renderAddress } from '../../network/address.ts';
import type { Family } from '../../network/address.ts';

/** What a server said about the addresses of a name. `ttl` in seconds. */
export type Found =
  | { readonly kind: 'addresses'; readonly addresses: readonly string[]; readonly ttl: number }
  | { readonly kind: 'empty' | 'absent'; readonly ttl: number }
  /** The name is another name for this one, whose addresses did not come along. */
  | { readonly kind: 'alias'; readonly target: string; readonly ttl: number };

/** Longest chain of aliases that is followed. */
export const longestChain = 16;
/** Addresses that are taken from one answer. */
const mostAddresses = 256;
/** How long it counts that there is nothing, at most and where nobody says. */
const longestAbsence = 60;
const usualAbsence = 5;

export const recordTypes = { 4: 'A', 6: 'AAAA' } as const satisfies Record<Family, string>;

/** Follows the aliases in an answer to addresses. Records that the chain does not lead to count for nothing. */
export function readAnswer(packet: DecodedPacket, asked: string, family: Family): Found {
  const answers = packet.answers ?? [];
  const { name, ttl } = followAliases(answers, asked);
  const records = answers.filter(
    (answer): answer is StringAnswer => answer.type === recordTypes[family] && sameName(answer.name, name),
  );
  const addresses = records
    .flatMap(({ data }) => parseAddress(data) ?? [])
    .filter((address) => address.family === family)
    .map(renderAddress);
  if (addresses.length > 0) {
    const times = records.map((record) => record.ttl ?? 0);
    return {
      kind: 'addresses',
      addresses: [...new Set(addresses)].slice(0, mostAddresses),
      ttl: Math.min(ttl, ...times),
    };
  }
  if (rcodeOf(packet) === rcodes.absent) return { kind: 'absent', ttl: absenceTtl(packet) };
  return sameName(name, asked) ? { kind: 'empty', ttl: absenceTtl(packet) } : { kind: 'alias', target: name, ttl };
}

function followAliases(answers: readonly Answer[], asked: string): { name: string; ttl: number } {
  let name = asked;
  let ttl = Number.POSITIVE_INFINITY;
  for (let length = 0; length < longestChain; length += 1) {
    const alias = answers.find((answer) => answer.type === 'CNAME' && sameName(answer.name, name)) as
      | StringAnswer
      | undefined;
    if (!alias) break;
    name = alias.data;
    ttl = Math.min(ttl, alias.ttl ?? 0);
  }
  return { name, ttl };
}

/** See RFC 2308, section 5. */
function absenceTtl({ authorities }: DecodedPacket): number {
  const start = authorities?.find((answer) => answer.type === 'SOA');
  if (start?.type !== 'SOA') return usualAbsence;
  return Math.min(longestAbsence, start.ttl ?? 0, start.data.minimum ?? 0);
}

/** What servers say about how it went. See RFC 1035, section 4.1.1. */
export const rcodes = { fine: 0, notUnderstood: 1, absent: 3 } as const;

export function rcodeOf({ flags = 0 }: DecodedPacket): number {
  return flags & 0xf;
}

export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
