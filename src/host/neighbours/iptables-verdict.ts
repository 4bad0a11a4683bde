import type { IptablesChain, IptablesRule } from './iptables-rules.ts';

/** A packet as far as rules are asked about it. What is left out, no rule can be held to. */
export interface Probe {
  readonly in?: string;
  readonly out?: string;
  readonly mark: number;
  readonly state: 'NEW' | 'ESTABLISHED';
  readonly proto?: 'tcp' | 'udp';
  readonly port?: number;
  /** What kind of address it goes to: the host's own, one of its links' broadcast address, or none of these. */
  readonly to: 'LOCAL' | 'BROADCAST' | 'UNICAST';
}

/** What becomes of a packet, and the rule or policy that says so. */
export interface Verdict {
  readonly accepted: boolean;
  readonly by: string;
}

type Chains = ReadonlyMap<string, IptablesChain>;
type Ending = Verdict | 'return' | undefined;

/** No real ruleset nests deeper; a loop cannot be loaded. */
const deepest = 32;

/**
 * What a built-in chain does with a packet. A rule that asks for something that the probe leaves open (an address, a
 * rate, an owner) is passed over: such rules are about others.
 */
export function verdictOf(chains: Chains, start: string, probe: Probe): Verdict {
  const chain = chains.get(start);
  const ending = chain && walk(chains, start, probe, 0);
  if (ending && ending !== 'return') return ending;
  return { accepted: chain?.policy !== 'DROP', by: `policy of ${start}` };
}

function walk(chains: Chains, name: string, probe: Probe, depth: number): Ending {
  for (const rule of chains.get(name)?.rules ?? []) {
    if (depth > deepest || !isMatch(rule, probe)) continue;
    const ending = follow(chains, rule, probe, depth);
    if (ending !== undefined) return ending;
  }
  return undefined;
}

function follow(chains: Chains, { words, text }: IptablesRule, probe: Probe, depth: number): Ending {
  const target = valueOf(words, '-j', '--jump');
  if (target === 'ACCEPT') return { accepted: true, by: text };
  if (target === 'DROP' || target === 'REJECT') return { accepted: false, by: text };
  if (target === 'RETURN') return 'return';
  const chain = target ?? valueOf(words, '-g', '--goto');
  if (chain === undefined || !chains.has(chain)) return undefined;
  const ending = walk(chains, chain, probe, depth + 1);
  // Whoever was sent to a chain for good does not come back.
  if (target === undefined) return ending ?? 'return';
  return ending === 'return' ? undefined : ending;
}

function valueOf(words: readonly string[], ...flags: readonly string[]): string | undefined {
  const at = words.findIndex((word) => flags.includes(word));
  return at === -1 ? undefined : words[at + 1];
}

type Match = (probe: Probe, value: string) => boolean | undefined;

/** Undefined: the probe leaves it open. */
const matches: Readonly<Record<string, Match>> = {
  '-i': (probe, value) => isLink(probe.in, value),
  '-o': (probe, value) => isLink(probe.out, value),
  '-p': ({ proto }, value) => (value === 'all' ? true : proto === undefined ? undefined : proto === value),
  '--dport': ({ port }, value) => isPort(port, [value]),
  '--dports': ({ port }, value) => isPort(port, value.split(',')),
  '--mark': ({ mark }, value) => {
    const [wanted = 0, mask = 0xffff_ffff] = value.split('/').map(Number);
    return (mark & mask) >>> 0 === wanted;
  },
  '--ctstate': ({ state }, value) => value.split(',').includes(state),
  '--state': ({ state }, value) => value.split(',').includes(state),
  '--dst-type': ({ to }, value) => value.split(',').includes(to),
};

/** Words with a value that says nothing about the packet. */
const silent = new Set(['-m', '--match', '--comment', '-j', '--jump', '-g', '--goto', '--reject-with']);

function isMatch({ words }: IptablesRule, probe: Probe): boolean {
  for (let at = 0; at < words.length; at += 2) {
    const isNegated = words[at] === '!';
    if (isNegated) at += 1;
    const word = words[at] ?? '';
    const value = words[at + 1] ?? '';
    if (silent.has(word)) {
      // Behind the target stand the target's own words.
      if (word === '-j' || word === '-g') return true;
      continue;
    }
    const found = matches[word]?.(probe, value);
    if (found === undefined || found === isNegated) return false;
  }
  return true;
}

function isLink(link: string | undefined, value: string): boolean {
  if (link === undefined) return false;
  return value.endsWith('+') ? link.startsWith(value.slice(0, -1)) : link === value;
}

function isPort(port: number | undefined, ranges: readonly string[]): boolean | undefined {
  if (port === undefined) return undefined;
  return ranges.some((range) => {
    const [low = 0, high = low] = range.split(':').map(Number);
    return low <= port && port <= high;
  });
}
