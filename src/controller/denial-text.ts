import { canonicalName } from '../network/allow-entry.ts';
import { judge, type Surroundings } from '../network/judge.ts';
import { judgementText, nothingAllowsText } from '../network/judgement-text.ts';
import type { Destination } from '../network/destination.ts';
import { parseAddress } from '../network/address.ts';
import type { NetworkRules } from '../network/rules.ts';
import { suggest, suggestName } from '../network/suggestion.ts';
import type { Denial } from './denial-record.ts';
import type { DeniedName, NameDenial } from '../network/names/denied-name.ts';
import type { ConnectionDenial, RefusedName, Remedy } from './network-reports.ts';
import { timeText } from './report.ts';

/** What a refusal is explained by. */
export interface Explained {
  /** Name of the sandbox. */
  readonly sandbox: string;
  readonly rules: NetworkRules;
  readonly around: Surroundings;
  /** Whether the rules are not the manifest's, because the sandbox is in quarantine. */
  readonly isQuarantined: boolean;
}

/** A refused connection with why, and what would allow it. */
export function explainConnection(by: Explained, denial: Denial, name: string | undefined): ConnectionDenial {
  const { to: address, proto, port, count, firstAt, lastAt } = denial;
  const to: Destination = { address: parseAddress(address)!, proto, ...(port !== undefined && { port }) };
  return {
    address,
    proto,
    ...(port !== undefined && { port }),
    ...(name !== undefined && { name }),
    count,
    first: timeText(firstAt),
    last: timeText(lastAt),
    ...explain(by, to, name),
  };
}

function explain(
  { sandbox, rules, around, isQuarantined }: Explained,
  to: Destination,
  name: string | undefined,
): Pick<ConnectionDenial, 'rule' | 'why' | 'allow' | 'nothing'> {
  if (isQuarantined) return { rule: 'quarantine', ...quarantined(sandbox) };
  const judgement = judge(rules, around, to);
  // Refused by another policy, before a name led there, or as an answer that nobody waited for.
  if (judgement.allowed) {
    return { rule: 'allowed-now', why: `it is allowed by now: ${judgementText(judgement)}`, nothing: 'nothing to do' };
  }
  const allow = suggest(rules, around, { to, name });
  const why = judgementText(judgement);
  return { rule: judgement.rule, why, ...(allow ? { allow } : { nothing: nothingAllowsText(judgement, rules) }) };
}

/** Why nothing gets through in quarantine, and what to do. */
export function quarantined(sandbox: string): { readonly why: string; readonly nothing: string } {
  return { why: 'it is in quarantine', nothing: `lift the quarantine with: coi resume ${sandbox}` };
}

const reasons: Readonly<Record<NameDenial, string>> = {
  unlisted: 'it is not on the allowlist',
  'private answer': 'it leads to an address that is private, special or of this host',
  'known resolver': 'it is a public resolver, which no wildcard means',
  suspicious: 'it looks like data that is sent out in names',
  rate: 'the sandbox asks for too many names',
};

/** A refused name with why, and what would allow it. */
export function explainName({ sandbox, rules, isQuarantined }: Explained, denial: DeniedName): RefusedName {
  const { name, type, reason, count, first, last } = denial;
  const told = { name, type, reason, count, first: timeText(first), last: timeText(last) };
  if (isQuarantined) return { ...told, ...quarantined(sandbox) };
  return { ...told, why: reasons[reason], ...nameRemedy(rules, denial) };
}

function nameRemedy(rules: NetworkRules, { name, reason }: DeniedName): Remedy {
  if (reason === 'rate') return { nothing: 'it may ask again after a while' };
  if (reason === 'suspicious') return { nothing: 'an entry with the whole name, not a wildcard, would be trusted' };
  if (reason === 'private answer') {
    const key = 'network.allow_local_network_access';
    return rules.localNetwork
      ? { nothing: 'the addresses of this host and special ones are never given out' }
      : { allow: { key, line: `${key} = true` } };
  }
  const canonical = canonicalName(name);
  const allow = canonical === undefined ? undefined : suggestName(rules, canonical, { proto: 'tcp', port: 443 });
  return allow ? { allow } : { nothing: 'it is allowed by now, or is no name of a host' };
}
