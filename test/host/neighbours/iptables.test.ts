import { describe, expect, it } from 'vitest';
import { parseIptables } from '../../../src/host/neighbours/iptables-rules.ts';
import { verdictOf, type Probe } from '../../../src/host/neighbours/iptables-verdict.ts';

const out: Probe = { in: 'coibr0', out: 'eth0', mark: 0x3000_0000, state: 'NEW', to: 'UNICAST' };
const dns: Probe = { in: 'coibr0', mark: 0x3000_0000, state: 'NEW', proto: 'udp', port: 53, to: 'LOCAL' };

/** The filter table with these rules, FORWARD and INPUT closed. */
function filter(...rules: readonly string[]) {
  const chains = new Set(rules.map((rule) => rule.split(' ')[1]).filter((name) => !/^[A-Z]+$/.test(name!)));
  const heads = [':INPUT DROP [0:0]', ':FORWARD DROP [0:0]', ...[...chains].map((name) => `:${name} - [0:0]`)];
  return parseIptables(['# Generated', '*filter', ...heads, ...rules, 'COMMIT', ''].join('\n')).get('filter')!;
}

const verdict = (probe: Probe, ...rules: readonly string[]) => verdictOf(filter(...rules), 'FORWARD', probe).accepted;

describe('the rules of iptables', () => {
  it('end with the policy, and say so', () => {
    expect(verdictOf(filter(), 'FORWARD', out)).toEqual({ accepted: false, by: 'policy of FORWARD' });
    expect(verdictOf(new Map(), 'FORWARD', out)).toEqual({ accepted: true, by: 'policy of FORWARD' });
  });

  it.each([
    ['-A FORWARD -i coibr0 -j ACCEPT', true],
    ['-A FORWARD -i coi+ -j ACCEPT', true],
    ['-A FORWARD -i docker0 -j ACCEPT', false],
    ['-A FORWARD ! -i docker0 -j ACCEPT', true],
    ['-A FORWARD ! -i coibr0 -j ACCEPT', false],
    ['-A FORWARD -o coibr0 -j ACCEPT', false],
    ['-A FORWARD -i coibr0 -m mark --mark 0x20000000/0x20000000 -j ACCEPT', true],
    ['-A FORWARD -m mark --mark 0x1/0x1 -j ACCEPT', false],
    ['-A FORWARD -m mark ! --mark 0x1/0x1 -j ACCEPT', true],
    ['-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT', false],
    ['-A FORWARD -m conntrack --ctstate NEW -j ACCEPT', true],
    ['-A FORWARD -m comment --comment "let \\"them\\" out -j DROP" -j ACCEPT', true],
    ['-A FORWARD -s 10.0.0.0/8 -j ACCEPT', false],
    ['-A FORWARD -j LOG --log-prefix "x ACCEPT"', false],
    ['-A FORWARD -p tcp -j ACCEPT', false],
  ])('%s lets a packet out: %s', (rule, expected) => {
    expect(verdict(out, rule)).toBe(expected);
  });

  it('ask for ports where they are known', () => {
    const input = (rule: string) => verdictOf(filter(rule), 'INPUT', dns).accepted;
    expect(input('-A INPUT -p udp -m udp --dport 53 -j ACCEPT')).toBe(true);
    expect(input('-A INPUT -p udp -m multiport --dports 20:30,50:60 -j ACCEPT')).toBe(true);
    expect(input('-A INPUT -p tcp -m tcp --dport 53 -j ACCEPT')).toBe(false);
    expect(input('-A INPUT -p udp -m udp ! --dport 53 -j ACCEPT')).toBe(false);
    expect(input('-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT')).toBe(true);
    expect(input('-A INPUT -m addrtype --dst-type MULTICAST -j ACCEPT')).toBe(false);
  });

  it('lead through chains and back', () => {
    const user = '-A FORWARD -j DOCKER-USER';
    expect(verdict(out, user, '-A DOCKER-USER -j RETURN', '-A FORWARD -i coibr0 -j ACCEPT')).toBe(true);
    expect(verdict(out, user, '-A DOCKER-USER -i coibr0 -j ACCEPT', '-A DOCKER-USER -j RETURN')).toBe(true);
    expect(verdict(out, user, '-A DOCKER-USER -j DROP', '-A FORWARD -j ACCEPT')).toBe(false);
    expect(verdict(out, '-A FORWARD -g away-chain', '-A away-chain -j RETURN', '-A FORWARD -j ACCEPT')).toBe(false);
    expect(verdictOf(filter(user, '-A DOCKER-USER -j REJECT'), 'FORWARD', out).by).toBe('-A DOCKER-USER -j REJECT');
  });

  it('do not go round for ever', () => {
    expect(verdict(out, '-A FORWARD -j a-chain', '-A a-chain -j b-chain', '-A b-chain -j a-chain')).toBe(false);
  });
});
