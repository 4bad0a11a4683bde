import type { ForeignChain } from '../../host/neighbours/foreign-rules.ts';
import { marks, renderMark } from '../../network/marks.ts';
import type { Bridge } from '../../network/policy.ts';
import { failed, ok, warning, type HealthCheck } from '../check.ts';
import { acceptRules, describe, hasChain, obstructions } from '../passage.ts';

/** Firewalls without a check of their own: rules made by hand, with iptables or in nft's own language. */
export const otherFirewallsCheck: HealthCheck = {
  name: 'other_firewalls',
  group: 'NEIGHBOURS',
  look: async (sight) => {
    const bridge = await sight.requireBridge();
    const plain = (await sight.iptables()).filter((each) => !named.some((chain) => hasChain(each, chain)));
    const dropped = plain.flatMap((each) => [
      ...obstructions(each, bridge, 'FORWARD'),
      ...obstructions(each, bridge, 'INPUT'),
    ]);
    if (dropped.length > 0)
      return failed(`iptables drops packets of sandboxes: ${describe(dropped)}`, fixOf(dropped, bridge));
    const { chains } = await sight.foreignRules();
    const closed = chains.filter(isClosed).filter((chain) => !letsThrough(chain, bridge));
    if (closed.length === 0) return ok('No other firewall drops packets of sandboxes');
    const names = closed.map(({ family, table, name }) => `${family} ${table} ${name}`);
    // Whether one of its rules accepts them in other words cannot be told from outside.
    return warning(
      `Chains of others drop what they do not know, packets of sandboxes too unless a rule of theirs lets them pass: ${names.join(', ')}`,
      closed.flatMap((chain) => nftFix(chain, bridge)),
    );
  },
};

/** Chains of firewalls with a check of their own. */
const named = ['DOCKER', 'DOCKER-USER', 'ufw-before-input', 'ufw6-before-input'];

function fixOf(dropped: ReturnType<typeof obstructions>, { name }: Bridge): string[] {
  const fixes = dropped.flatMap(({ program, what }) => {
    const chain = what.startsWith('D') ? 'INPUT' : 'FORWARD';
    const rules = acceptRules(chain, name);
    return (chain === 'INPUT' ? rules.slice(0, 1) : rules).map((rule) => `${program} -I ${rule}`);
  });
  return [...new Set(fixes)];
}

/** Tables of iptables-nft are read by iptables, and zones of firewalld by firewalld. */
function isClosed({ family, table, hook, policy }: ForeignChain): boolean {
  const isIptables = (family === 'ip' || family === 'ip6') && table === 'filter';
  const isOfIp = family === 'inet' || family === 'ip' || family === 'ip6';
  return (
    isOfIp && !isIptables && table !== 'firewalld' && policy === 'drop' && (hook === 'forward' || hook === 'input')
  );
}

/** Whether a rule of the chain speaks of the bridge or of coi's mark, and accepts. */
function letsThrough({ rules }: ForeignChain, { name }: Bridge): boolean {
  return rules.some((expressions) => {
    const text = JSON.stringify(expressions);
    return text.includes('"accept"') && (text.includes(`"${name}"`) || text.includes(String(marks.passed)));
  });
}

function nftFix({ family, table, name, hook }: ForeignChain, bridge: Bridge): string[] {
  const insert = `nft insert rule ${family} ${table} ${name}`;
  const mark = renderMark(marks.passed);
  const out = `${insert} iifname ${bridge.name} meta mark \\& ${mark} == ${mark} accept`;
  return hook === 'input' ? [out] : [out, `${insert} oifname ${bridge.name} ct state established,related accept`];
}
