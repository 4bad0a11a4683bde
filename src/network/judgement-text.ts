import type { Judgement, RuleName } from './judge.ts';
import type { NetworkMode, NetworkRules } from './rules.ts';

const refusals: Readonly<Record<RuleName, string>> = {
  'mode-none': 'mode none lets nothing through',
  dhcp: 'only a DHCP client may ask there, from its own port',
  'no-ipv6': 'the bridge has no IPv6',
  names: 'only names are answered there',
  'host-service': 'it is a service of this host, or addressed to all on the link',
  sibling: 'another sandbox of this host would have it',
  open: 'mode open keeps it',
  'other-resolver': 'it is another resolver: names are looked up through coi',
  metadata: "it is the cloud's metadata service",
  special: 'no host on the internet has such an address',
  listed: 'the allowlist has it for other ports',
  private: 'it is an address of a local network',
  'known-resolver': 'it is a public resolver, which would get around the checks of names',
  'led-to': 'no name leads there any more',
  'not-listed': 'it is not on the allowlist',
  suspicious: 'it looks like data that is sent out in a name',
  public: 'it is a public address',
};

const permissions: Readonly<Partial<Record<RuleName, string>>> = {
  dhcp: 'the bridge gives out addresses there, to DHCP clients (port 68) alone',
  names: 'names are looked up there',
  open: 'mode open lets everything through but other sandboxes and services of this host',
  metadata: 'network.block_metadata_endpoint = false',
  listed: 'the allowlist has it',
  private: 'local networks may be reached',
  'led-to': 'a name on the allowlist leads there now',
  public: 'mode restricted reaches public addresses',
};

/** Why something passes or does not, as part of a sentence. */
export function judgementText({ allowed, rule, range, entry }: Judgement): string {
  const text = allowed ? (permissions[rule] ?? 'the rules let it through') : refusals[rule];
  const detail = entry === undefined ? range : `"${entry}"`;
  return detail === undefined ? text : `${text} (${detail})`;
}

const never: Readonly<Partial<Record<RuleName, string>>> = {
  'host-service': 'services of this host are out of reach in every mode',
  sibling: 'sandboxes are kept apart in every mode',
  'no-ipv6': 'give the bridge an IPv6 address',
  'other-resolver': 'use the resolver in /etc/resolv.conf; only mode open lets others through',
  special: 'only mode open lets it through, with everything else',
  suspicious: 'an entry with the whole name, not a wildcard, would be trusted',
  metadata: 'an allowlist never opens it; mode restricted does with network.block_metadata_endpoint = false',
};

/** Why no line of a manifest allows something, as part of a sentence. */
export function nothingAllowsText({ rule }: Judgement, { mode }: Pick<NetworkRules, 'mode'>): string {
  if (mode === 'open' && rule === 'special') return leftOver.open;
  return never[rule] ?? leftOver[mode];
}

const leftOver: Readonly<Record<NetworkMode, string>> = {
  none: 'mode restricted would not let it through either',
  restricted: 'mode allowlist could name it, mode open lets everything through',
  allowlist: 'an allowlist opens TCP and UDP ports only',
  open: 'mode open opens all that can be opened',
};
