/**
 * Chains that each sandbox has for itself, because a log prefix cannot be looked up. `log`: what it was refused; `flow`:
 * new flows that were let through; `odd`: flows of either kind that are remarkable, see `flow-log.ts`. The last two only
 * of sandboxes that are watched.
 */
export const logChainSets = ['inet log', 'inet flow', 'inet odd'] as const;
export type LogChainSet = (typeof logChainSets)[number];

export function isLogChainSet(set: string): set is LogChainSet {
  return logChainSets.some((each) => each === set);
}

/** How many refused packets of a sandbox that is not watched are logged: the same cause many times over says nothing new. */
const unwatched = { value: 'some', perSecond: 5, burst: 20 } as const;

/** What stands in place of the rules of a chain that holds others. */
export const changedRules = 'was changed';

/** What the prefix of a line says about a flow; for `odd`, the packet's mark says whether it was let through. */
export const logWords = { 'inet log': 'coi-deny', 'inet flow': 'coi-flow', 'inet odd': 'coi-odd' } as const;

/** Name of one of a sandbox's chains. */
export function logChain(set: LogChainSet, uid: string): string {
  return `${set.slice('inet '.length)}_${uid}`;
}

/** Whose chain of which kind has this name. */
export function ownerOfLogChain(name: string): { readonly set: LogChainSet; readonly uid: string } | undefined {
  const set = logChainSets.find((each) => name.startsWith(logChain(each, '')));
  return set && { set, uid: name.slice(logChain(set, '').length) };
}

/** Value of the element that stands for a chain: how much it logs. */
export function logChainValue(set: LogChainSet, watched: number | undefined): string {
  if (set === 'inet odd') return 'all';
  return watched === undefined ? unwatched.value : String(watched);
}

/**
 * The rules of such a chain, as nft takes them. What watching has logged is of the least urgent level, which no console
 * prints: a slow one would hold up the packets' way.
 */
export function logChainRules(set: LogChainSet, uid: string, value: string): string[] {
  const log = `log prefix "${logWords[set]} ${uid} "`;
  if (value === unwatched.value)
    return [`limit rate ${unwatched.perSecond}/second burst ${unwatched.burst} packets ${log}`];
  const quietly = `${log} level debug`;
  if (set === 'inet odd') return [quietly];
  const perSecond = Number(value);
  return [`limit rate over ${perSecond}/second burst ${Math.max(20, perSecond)} packets goto over`, quietly];
}

/** The value for which a chain has these rules. */
export function valueOfRules(set: LogChainSet, uid: string, rules: readonly string[]): string {
  const [, rate] = /^limit rate over (\d{1,9})\/second /.exec(rules[0] ?? '') ?? [];
  const value = set === 'inet odd' ? logChainValue(set, undefined) : (rate ?? unwatched.value);
  return logChainRules(set, uid, value).join('\n') === rules.join('\n') ? value : changedRules;
}
