import { chainsOf, isOwnChain, ownerOf, ruleKey, sandboxChain, sharedOwner } from '../../network/firewalld-rules.ts';
import type { DirectRule } from '../../network/firewalld-rules.ts';
import type { NetworkScope } from '../link/in-network.ts';
import { addChain, addRule, listChains, listRules, passthrough, removeChain, removeRule } from './direct.ts';
import type { DirectCall } from './direct.ts';
import { countRules, findAstray } from './in-kernel.ts';
import type { Astray } from './in-kernel.ts';

/** What was changed for rules to be as they should. */
export interface DirectChange {
  readonly added: number;
  readonly removed: number;
}

/** Our direct rules as firewalld holds them, by what they say. */
export type HeldRules = ReadonlyMap<string, DirectRule>;

export type RuleCall = DirectCall & NetworkScope;

const isOurs = (rule: DirectRule) =>
  isOwnChain(rule.chain) ? rule.chain.startsWith('coi_') : ownerOf(rule) !== undefined;

/** Looks at what firewalld holds of ours. Rules in others' chains are ours only if their comment is. */
export async function lookAtRules(call: RuleCall): Promise<HeldRules> {
  const rules = await listRules(call);
  return new Map(rules.filter(isOurs).map((rule) => [heldKey(rule), rule]));
}

/** Shared rules are where their priority puts them; a sandbox's rule means the same at either of its two places. */
function heldKey(rule: DirectRule): string {
  return ownerOf(rule) === sharedOwner ? `${rule.priority} ${ruleKey(rule)}` : ruleKey(rule);
}

/**
 * Makes firewalld hold these rules and no others of ours, then the kernel what firewalld holds. A sandbox whose rule changes
 * has the old one or the new one at every moment, never both and never none.
 *
 * @returns what it holds now, and what that took
 */
export async function convergeRules(
  wanted: readonly DirectRule[],
  held: HeldRules,
  call: RuleCall,
): Promise<DirectChange & { readonly held: HeldRules }> {
  const now = new Map(held);
  const wantedKeys = new Set(wanted.map(heldKey));
  const missing = wanted.filter((rule) => !now.has(heldKey(rule)));
  const surplus = [...now].filter(([key]) => !wantedKeys.has(key));
  if (missing.some((rule) => ownerOf(rule) === sharedOwner)) await ensureChains(wanted, call);
  const remove = async (list: typeof surplus) => {
    for (const [key, rule] of list) {
      await removeRule(rule, call);
      now.delete(key);
    }
  };
  // Whatever stands among the shared rules that does not belong there could allow too much.
  await remove(surplus.filter(([, { chain }]) => chain !== sandboxChain));
  for (const rule of missing) {
    const placed = rule.chain === sandboxChain ? { ...rule, priority: freePlace(rule, surplus) } : rule;
    await addRule(placed, call);
    now.set(heldKey(placed), placed);
  }
  await remove(surplus.filter(([, { chain }]) => chain === sandboxChain));
  return { held: now, added: missing.length, removed: surplus.length };
}

/** The place of the two that the address's old rule does not have: in front of it, or next once that one is gone. */
function freePlace(rule: DirectRule, old: readonly (readonly [string, DirectRule])[]): number {
  const source = rule.args[rule.args.indexOf('--ctorigsrc') + 1];
  const taken = old.find(([, { ipv, args }]) => ipv === rule.ipv && args.includes(source!));
  return taken?.[1].priority === 0 ? 1 : 0;
}

async function ensureChains(rules: readonly DirectRule[], call: RuleCall): Promise<void> {
  const there = new Set((await listChains(call)).map(({ ipv, chain }) => `${ipv} ${chain}`));
  for (const chain of chainsOf(rules)) if (!there.has(`${chain.ipv} ${chain.chain}`)) await addChain(chain, call);
}

/**
 * Puts back into the kernel what firewalld believes to be there, after somebody went past it. A chain is emptied and
 * filled in order, so that what it decides last, it decides again last.
 *
 * @returns the chains that were put right
 */
export async function repairKernel(held: HeldRules, call: RuleCall): Promise<readonly Astray[]> {
  const rules = [...held.values()].toSorted((a, b) => a.priority - b.priority);
  const astray = findAstray(rules, await countRules(call));
  const own = astray.filter(({ chain }) => isOwnChain(chain));
  for (const { ipv, chain, isMissing } of own) await passthrough(ipv, [isMissing ? '-N' : '-F', chain], call);
  for (const place of [...own, ...astray.filter((each) => !own.includes(each))]) {
    for (const { ipv, chain, args } of rules) {
      if (ipv === place.ipv && chain === place.chain) await passthrough(ipv, ['-A', chain, ...args], call);
    }
  }
  return astray;
}

/** Takes every rule and chain of ours away and leaves all others. */
export async function removeAll(call: RuleCall): Promise<void> {
  const held = [...(await lookAtRules(call)).values()];
  // What leads into our chains goes first.
  const inOrder = [...held.filter(({ chain }) => !isOwnChain(chain)), ...held.filter(({ chain }) => isOwnChain(chain))];
  for (const rule of inOrder) await removeRule(rule, call);
  const chains = (await listChains(call)).filter(({ chain }) => chain.startsWith('coi_'));
  for (const chain of chains) await removeChain(chain, call);
}
