import { parseInterfaceAddress, renderAddress } from '../address.ts';
import type { KernelRule } from './kernel-rules.ts';

/**
 * Filter rules of the kernel that can be told for certain to be the original coi's although no priority says so: those of a
 * source that is let through to the bridge's own address, or refused the range of metadata services, as it did for every
 * container but those in mode `open`.
 */
export function strandedRules(rules: readonly KernelRule[], bridges: readonly string[]): ReadonlySet<KernelRule> {
  const gateways = new Set(bridges.map((bridge) => `${renderAddress(parseInterfaceAddress(bridge).address)}/32`));
  const isTelling = (rule: KernelRule): boolean => {
    if (rule.kind !== 'filter') return false;
    const { verdict, destination = '' } = rule.rule;
    return verdict === 'ACCEPT' ? gateways.has(destination) : destination === '169.254.0.0/16';
  };
  const sources = new Set(rules.filter(isTelling).map(({ source }) => source));
  return new Set(rules.filter((rule) => rule.kind === 'filter' && sources.has(rule.source)));
}
