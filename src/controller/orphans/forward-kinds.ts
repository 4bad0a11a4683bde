import { isFirewalldRunning } from '../../host/firewalld/bus.ts';
import { listDirectRules } from '../../host/original/firewalld-rules.ts';
import { listForwardChain, removeFromForwardChain } from '../../host/original/forward-chain.ts';
import type { KernelRule } from '../../network/original/kernel-rules.ts';
import { strandedRules } from '../../network/original/stranded-rules.ts';
import type { OrphanReport } from '../control-api.ts';
import { orphanOf, type InUse, type OrphanKind } from './orphan-kind.ts';

interface Chosen {
  readonly rule: KernelRule;
  readonly orphan: OrphanReport;
}

/**
 * What the original coi left in the kernel's `ip filter FORWARD`: its log rules, and rules of firewalld that firewalld itself
 * has forgotten, as after it was killed. Listed once for both; taken out thousands at a time.
 */
export const forwardKind: OrphanKind = {
  kind: 'forward-rule',
  find: async (inUse, signal) => {
    const rules = await listForwardChain({ signal });
    return choose(rules, inUse, await keptByFirewalld(signal)).map(({ orphan }) => orphan);
  },
  remove: async (wanted, inUse, signal) => {
    const kept = await keptByFirewalld(signal);
    const isWanted = ({ orphan }: Chosen) => wanted.has(orphan.id);
    await removeFromForwardChain(
      (rules) =>
        choose(rules, inUse, kept)
          .filter(isWanted)
          .map(({ rule }) => rule),
      { signal },
    );
  },
};

function choose(rules: readonly KernelRule[], { isDead, bridges }: InUse, kept: ReadonlySet<string>): Chosen[] {
  const dead = rules.filter(({ source }) => isDead(source));
  const stranded = strandedRules(dead, bridges);
  return dead.flatMap((rule): Chosen[] => {
    const { source, handle } = rule;
    if (rule.kind === 'log') {
      const why = `a log rule of the original coi for ${source}, which no instance has`;
      return [{ rule, orphan: orphanOf('forward-rule', { what: `${handle}: log "${rule.prefix}"`, why }) }];
    }
    if (kept.has(source) || !stranded.has(rule)) return [];
    const { verdict, destination } = rule.rule;
    const what = `${handle}: -s ${source}${destination === undefined ? '' : ` -d ${destination}`} -j ${verdict}`;
    const why = `a rule as the original coi makes them, for ${source}, which no instance has; firewalld knows nothing of it`;
    return [{ rule, orphan: orphanOf('forward-rule', { what, why }) }];
  });
}

/** Addresses that firewalld speaks of in its rules: the kernel's rules for them are firewalld's to remove. */
async function keptByFirewalld(signal: AbortSignal): Promise<ReadonlySet<string>> {
  if (!(await isFirewalldRunning(signal))) return new Set();
  const words = (await listDirectRules(signal)).flatMap(({ args }) => args);
  return new Set(words.map((word) => word.replace(/\/32$/, '')));
}
