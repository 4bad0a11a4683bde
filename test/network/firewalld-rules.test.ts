import { describe, expect, it } from 'vitest';
import { problemOf } from '../../src/host/firewalld/bus.ts';
import { findAstray } from '../../src/host/firewalld/in-kernel.ts';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import { chainsOf, ownerOf, sandboxRules, sharedRules } from '../../src/network/firewalld-rules.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { ruleVariants } from './rule-variants.ts';

const bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };
const uid = '01JABCDEFGHJKMNPQRSTVWXYZ0';
const endpoint = chooseEndpoint({ uid, bridge, taken: new Set() });
const rulesOf = (rules: NetworkRules) =>
  sandboxRules(renderRuleset({ bridge, policies: [{ uid, endpoint, rules }] }).elements).get(uid) ?? [];

describe('rules of a sandbox', () => {
  it('lead each of its addresses to the chain of its mode, with its owner', () => {
    const rules = rulesOf({ mode: 'restricted', metadata: true });
    expect(rules.map(({ ipv, args }) => [ipv, args.slice(0, 6).join(' '), args.at(-1)])).toEqual([
      ['ipv4', `-m conntrack --ctorigsrc ${endpoint.ipv4} -g coi_restricted_meta`, `coi:${uid}`],
      ['ipv6', `-m conntrack --ctorigsrc ${endpoint.ipv6} -g coi_restricted_meta`, `coi:${uid}`],
    ]);
    expect(rules.map(ownerOf)).toEqual([uid, uid]);
  });

  it('are none where nothing may be reached: what no rule allows is refused', () => {
    expect(rulesOf({ mode: 'none' })).toEqual([]);
  });

  it('lead to chains that the shared rules fill', () => {
    const chains = new Set(chainsOf(sharedRules(bridge)).map(({ ipv, chain }) => `${ipv} ${chain}`));
    const rules = ruleVariants({}).flatMap(rulesOf);
    expect(rules).not.toEqual([]);
    for (const { ipv, args } of rules) expect(chains).toContain(`${ipv} ${args[5]}`);
  });
});

describe('the owner of a rule', () => {
  it.each([
    [['-m', 'comment', '--comment', `coi:${uid}`], uid],
    [['-m', 'comment', '--comment', `not-coi:${uid}`], undefined],
    [['-s', '10.0.0.1', '-m', 'comment', '--comment'], undefined],
    [['-j', `coi:${uid}`], undefined],
    [[], undefined],
  ])('is read from its comment alone: %j', (args, owner) => {
    expect(ownerOf({ args })).toBe(owner);
  });
});

describe('shared rules', () => {
  it('leave IPv6 out on a bridge without it', () => {
    const only4 = sharedRules({ name: 'coibr0', ipv4: '10.90.0.1/16' });
    expect(new Set(only4.map(({ ipv }) => ipv))).toEqual(new Set(['ipv4']));
  });

  it('hook themselves in last, so that nothing is decided by half of them', () => {
    for (const ipv of ['ipv4', 'ipv6']) {
      const chains = sharedRules(bridge)
        .filter((rule) => rule.ipv === ipv)
        .map(({ chain }) => chain);
      expect(chains.slice(-2)).toEqual(['PREROUTING', 'FORWARD']);
      expect(chains.indexOf('PREROUTING')).toBe(chains.length - 2);
    }
  });
});

describe('what firewalld believes and the kernel has', () => {
  const rules = sharedRules({ name: 'coibr0', ipv4: '10.90.0.1/16' });
  const whole = new Map<string, number>();
  for (const { chain, args } of rules) {
    const lists = args.filter((_, index) => ['-d', '-s'].includes(args[index - 1] ?? ''));
    const count = lists.reduce((product, list) => product * list.split(',').length, 1);
    if (chain.startsWith('coi_')) whole.set(`ipv4 ${chain}`, 0);
    whole.set(`ipv4 ${chain} shared`, (whole.get(`ipv4 ${chain} shared`) ?? 0) + count);
  }

  it('agree when every address of every list has its rule', () => {
    expect(findAstray(rules, whole)).toEqual([]);
  });

  it.each([
    ['a missing rule', 'ipv4 coi_out shared', (count: number) => count - 1, 'coi_out'],
    ['a rule of somebody else', 'ipv4 coi_back nobody', () => 1, 'coi_back'],
    ['a missing hook', 'ipv4 PREROUTING shared', () => 0, 'PREROUTING'],
  ])('differ by %s', (_, key, change, chain) => {
    const changed = new Map(whole).set(key, change(whole.get(key) ?? 0));
    expect(findAstray(rules, changed)).toEqual([{ ipv: 'ipv4', chain, isMissing: false }]);
  });
});

describe('a failed call', () => {
  it.each([
    ['Call failed: The name org.fedoraproject.FirewallD1 was not provided by any .service files', 'firewalld.away'],
    ['Failed to connect to system scope bus via local transport: No such file or directory', 'firewalld.away'],
    ['Call failed: Connection timed out', 'firewalld.away'],
    ['Call failed: Name "org.fedoraproject.FirewallD1" does not exist', 'firewalld.away'],
    ["Call failed: NOT_ENABLED: rule '...' is not in 'ipv4:filter:FORWARD'", 'firewalld.as-is'],
    ['Call failed: Access denied', 'firewalld.permission'],
    ["Call failed: COMMAND_FAILED: '/usr/sbin/iptables-restore -w -n' failed", 'firewalld.refused'],
  ])('%s', (stderr, code) => {
    expect(problemOf('addRule', stderr).code).toBe(code);
  });
});
