import type { Family } from './address.ts';
import { parseInterfaceAddress, renderAddress, renderPrefix } from './address.ts';
import type { Elements } from './elements.ts';
import { marks, renderMark } from './marks.ts';
import type { Bridge } from './policy.ts';
import { knownResolvers } from './resolvers.ts';
import { metadataAddresses, privateRanges, specialRanges } from './special-ranges.ts';

/** One direct rule of firewalld in table `mangle`, as its interface `direct` takes it. See firewalld.direct(5). */
export interface DirectRule {
  readonly ipv: 'ipv4' | 'ipv6';
  readonly chain: string;
  /** Order within the chain, lowest first. */
  readonly priority: number;
  readonly args: readonly string[];
}

/** Comment of rules that belong to no single sandbox. */
export const sharedOwner = 'shared';
const commentPrefix = 'coi:';

/** Chain that holds the rules of the sandboxes. */
export const sandboxChain = 'coi_sandboxes';
const builtInChains = new Set(['PREROUTING', 'FORWARD']);

/** Whether a chain is one that only coi has business in. */
export function isOwnChain(chain: string): boolean {
  return !builtInChains.has(chain);
}

/** Arguments that tie a rule to its owner. */
function ownedBy(owner: string): readonly string[] {
  return ['-m', 'comment', '--comment', `${commentPrefix}${owner}`];
}

/** Whose rule it is, from the value of its comment alone; undefined for a rule that is not ours. */
export function ownerOf({ args }: Pick<DirectRule, 'args'>): string | undefined {
  const at = args.indexOf('--comment');
  const comment = at < 0 ? undefined : args[at + 1];
  return comment?.startsWith(commentPrefix) ? comment.slice(commentPrefix.length) : undefined;
}

/**
 * Where a packet goes, as a number on its mark, from the weakest to the strongest: a later one overrides. 0 is none, so
 * that nothing is taken for public before all rules had their say.
 */
const kinds = ['public', 'resolver', 'private', 'special', 'metadata', 'own', 'names'] as const;
type Kind = (typeof kinds)[number];

function kindMark(kind: Kind): number {
  return (kinds.indexOf(kind) + 1) * 0x0200_0000;
}

type Draft = Pick<DirectRule, 'chain' | 'args'>;

/** The shared rules for a bridge: classify by destination, then let each mode's chain say which classes it allows. */
export function sharedRules(bridge: Bridge): DirectRule[] {
  const families: [Family, string][] = [[4, bridge.ipv4]];
  if (bridge.ipv6 !== undefined) families.push([6, bridge.ipv6]);
  return families.flatMap(([family, interfaceAddress]) => {
    const { address, prefix } = parseInterfaceAddress(interfaceAddress);
    const side = { family, gateway: renderAddress(address), prefix: renderPrefix(prefix) };
    return inOrder(family, [...modeRules, ...outward(side), ...inward(side), ...hooks(bridge.name)]);
  });
}

/** Priorities follow the order, so that a rule that is put back alone gets its old place. */
function inOrder(family: Family, drafts: readonly Draft[]): DirectRule[] {
  return drafts.map(({ chain, args }, index) => ({
    ipv: `ipv${family}`,
    chain,
    priority: index,
    args: [...args, ...ownedBy(sharedOwner)],
  }));
}

const masked = (...bits: number[]) => renderMark(bits.reduce((sum, bit) => sum + bit, 0));
const allow = ['-j', 'MARK', '--set-xmark', `${masked(marks.allowed)}/${masked(marks.allowed)}`];

function allowing(chain: string, kind: Kind, flag?: 'literal' | 'resolved'): Draft {
  const bit = flag ? marks[flag] : 0;
  return {
    chain,
    args: ['-m', 'mark', '--mark', `${masked(kindMark(kind), bit)}/${masked(marks.kind, bit)}`, ...allow],
  };
}

const go = (chain: string, to: string): Draft => ({ chain, args: ['-g', to] });

/** Chains by mode; the names are those of nft's mode chains with a prefix, so that a verdict map leads to either. */
const modeRules: readonly Draft[] = [
  {
    chain: 'coi_open',
    args: ['-m', 'mark', '!', '--mark', `${masked(kindMark('own'))}/${masked(marks.kind)}`, ...allow],
  },
  allowing('coi_restricted', 'names'),
  allowing('coi_restricted', 'public'),
  allowing('coi_restricted_lan', 'private'),
  go('coi_restricted_lan', 'coi_restricted'),
  allowing('coi_restricted_meta', 'metadata'),
  go('coi_restricted_meta', 'coi_restricted'),
  allowing('coi_restricted_lan_meta', 'metadata'),
  go('coi_restricted_lan_meta', 'coi_restricted_lan'),
  allowing('coi_allowlist', 'names'),
  ...(['public', 'resolver', 'private'] as const).map((kind) => allowing('coi_allowlist', kind, 'literal')),
  allowing('coi_allowlist', 'public', 'resolved'),
  allowing('coi_allowlist_lan', 'private'),
  go('coi_allowlist_lan', 'coi_allowlist'),
];

interface Side {
  readonly family: Family;
  readonly gateway: string;
  readonly prefix: string;
}

const setKind = (kind: Kind) => ['-j', 'MARK', '--set-xmark', `${masked(kindMark(kind))}/${masked(marks.kind)}`];

/** What both directions classify alike: the remote address is `-d` on the way out, `-s` on the way back. */
function classify(
  chain: string,
  { family, prefix }: Side,
  at: { address: '-d' | '-s'; port: '--dports' | '--sports' },
) {
  const to = (ranges: readonly string[], kind: Kind, match: readonly string[] = []): Draft => ({
    chain,
    args: [at.address, ranges.join(','), ...match, ...setKind(kind)],
  });
  const ports = (proto: string, list: string) => ['-p', proto, '-m', 'multiport', at.port, list];
  return [
    { chain, args: setKind('public') },
    to(knownResolvers[family], 'resolver', ports('tcp', '443')),
    to(knownResolvers[family], 'resolver', ports('udp', '443')),
    to(privateRanges[family], 'private'),
    to(specialRanges[family], 'special'),
    to(metadataAddresses[family], 'metadata'),
    { chain, args: [...ports('tcp', '53,853'), ...setKind('special')] },
    { chain, args: [...ports('udp', '53,853'), ...setKind('special')] },
    to(family === 6 ? [prefix, 'fe80::/10'] : [prefix], 'own'),
  ];
}

function outward(side: Side): Draft[] {
  const chain = 'coi_out';
  // IPv6 has no broadcast, and the kernel refuses to be asked for it.
  const types = side.family === 4 ? 'LOCAL,BROADCAST,ANYCAST,MULTICAST' : 'LOCAL,ANYCAST,MULTICAST';
  const names = (proto: string): Draft => ({
    chain,
    args: ['-d', side.gateway, '-p', proto, '--dport', '53', ...setKind('names')],
  });
  return [
    ...classify(chain, side, { address: '-d', port: '--dports' }),
    { chain, args: ['-m', 'addrtype', '--dst-type', types, ...setKind('own')] },
    names('tcp'),
    names('udp'),
    { chain, args: ['-j', sandboxChain] },
  ];
}

function inward(side: Side): Draft[] {
  const chain = 'coi_back';
  return [...classify(chain, side, { address: '-s', port: '--sports' }), { chain, args: ['-j', sandboxChain] }];
}

/** Last, because until they are there nothing is decided and so nothing allowed. Only undecided packets come by. */
function hooks(bridgeName: string): Draft[] {
  const { identity, passed } = marks;
  const undecided = ['-m', 'mark', '--mark', `${masked(identity)}/${masked(identity, passed)}`];
  return [
    { chain: 'PREROUTING', args: ['-i', bridgeName, ...undecided, '-j', 'coi_out'] },
    { chain: 'FORWARD', args: ['-o', bridgeName, '-m', 'conntrack', '--ctdir', 'REPLY', '-j', 'coi_back'] },
  ];
}

/** Rules of the sandboxes that elements speak of: each of their addresses goes to the chain of its mode. */
export function sandboxRules(elements: Elements): Map<string, DirectRule[]> {
  const byUid = new Map<string, DirectRule[]>();
  for (const family of [4, 6] as const) {
    for (const [address, { uid, value = '' }] of elements.get(`inet mode${family}`) ?? []) {
      const mode = value.replace('goto ', '');
      if (uid === undefined || mode === 'none') continue;
      const args = ['-m', 'conntrack', '--ctorigsrc', address, '-g', `coi_${mode}`, ...ownedBy(uid)];
      const rule: DirectRule = { ipv: `ipv${family}`, chain: sandboxChain, priority: 0, args };
      byUid.set(uid, [...(byUid.get(uid) ?? []), rule]);
    }
  }
  return byUid;
}

/** Chains that rules are in, each once, by family; the built-in ones left out. */
export function chainsOf(rules: readonly DirectRule[]): { readonly ipv: DirectRule['ipv']; readonly chain: string }[] {
  const chains = new Map(
    rules.filter(({ chain }) => isOwnChain(chain)).map(({ ipv, chain }) => [`${ipv} ${chain}`, { ipv, chain }]),
  );
  for (const ipv of new Set(rules.map((rule) => rule.ipv)))
    chains.set(`${ipv} ${sandboxChain}`, { ipv, chain: sandboxChain });
  return [...chains.values()];
}

/** One text per rule, without its priority: what tells rules apart. */
export function ruleKey({ ipv, chain, args }: Omit<DirectRule, 'priority'>): string {
  return JSON.stringify([ipv, chain, args]);
}
