import type { DirectRule } from '../../network/firewalld-rules.ts';
import { callFirewalld, callIfThere } from './bus.ts';
import type { BusScope } from './bus.ts';

/** What calls about direct rules take besides their subject. */
export interface DirectCall extends BusScope {
  readonly signal?: AbortSignal | undefined;
}

type Chain = Pick<DirectRule, 'ipv' | 'chain'>;

/** All of coi's rules are in the one table whose chains come before routing: see linux/netfilter_ipv4.h. */
const table = 'mangle';

/** Makes a chain; one that is there already is fine. */
export async function addChain({ ipv, chain }: Chain, call: DirectCall): Promise<void> {
  await callIfThere({ interface: 'direct', method: 'addChain', signature: 'sss', args: [ipv, table, chain], ...call });
}

/** Takes an empty chain away. */
export async function removeChain({ ipv, chain }: Chain, call: DirectCall): Promise<void> {
  await callIfThere({
    interface: 'direct',
    method: 'removeChain',
    signature: 'sss',
    args: [ipv, table, chain],
    ...call,
  });
}

/** Adds a rule at the place that its priority says; one that is there already is fine. */
export async function addRule(rule: DirectRule, call: DirectCall): Promise<void> {
  await callIfThere({ interface: 'direct', method: 'addRule', ...ruleArguments(rule), ...call });
}

/** Takes exactly this rule away. */
export async function removeRule(rule: DirectRule, call: DirectCall): Promise<void> {
  await callIfThere({ interface: 'direct', method: 'removeRule', ...ruleArguments(rule), ...call });
}

function ruleArguments({ ipv, chain, priority, args }: DirectRule) {
  return { signature: 'sssias', args: [ipv, table, chain, String(priority), String(args.length), ...args] };
}

/** Every direct rule in our table, whoever it belongs to. */
export async function listRules(call: DirectCall): Promise<DirectRule[]> {
  const [rules] = (await callFirewalld({ interface: 'direct', method: 'getAllRules', ...call })) as [
    [string, string, string, number, string[]][],
  ];
  return rules.flatMap(([ipv, inTable, chain, priority, args]) =>
    inTable === table && (ipv === 'ipv4' || ipv === 'ipv6') ? [{ ipv, chain, priority, args }] : [],
  );
}

/** Every direct chain in our table. */
export async function listChains(call: DirectCall): Promise<Chain[]> {
  const [chains] = (await callFirewalld({ interface: 'direct', method: 'getAllChains', ...call })) as [
    [string, string, string][],
  ];
  return chains.flatMap(([ipv, inTable, chain]) =>
    inTable === table && (ipv === 'ipv4' || ipv === 'ipv6') ? [{ ipv, chain }] : [],
  );
}

/**
 * Runs one iptables command through firewalld without its remembering it: for putting back into the kernel what it
 * believes to be there already.
 */
export async function passthrough(ipv: DirectRule['ipv'], args: readonly string[], call: DirectCall): Promise<void> {
  const all = ['-t', table, ...args];
  await callFirewalld({
    interface: 'direct',
    method: 'passthrough',
    signature: 'sas',
    args: [ipv, String(all.length), ...all],
    ...call,
  });
}

/**
 * Puts the bridge into firewalld's zone of links that it lets pass, unless it is in one already: outside of it, firewalld
 * drops address service, names and everything else. What sandboxes may reach is decided by coi's own rules.
 *
 * @returns whether the zone was set
 */
export async function ensureZone(bridge: string, call: DirectCall): Promise<boolean> {
  const [zone] = await callFirewalld({
    interface: 'zone',
    method: 'getZoneOfInterface',
    signature: 's',
    args: [bridge],
    ...call,
  });
  if (zone !== '') return false;
  await callFirewalld({
    interface: 'zone',
    method: 'addInterface',
    signature: 'ss',
    args: ['trusted', bridge],
    ...call,
  });
  return true;
}
