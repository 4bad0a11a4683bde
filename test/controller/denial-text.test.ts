import { describe, expect, it } from 'vitest';
import { explainConnection, explainName, type Explained } from '../../src/controller/denial-text.ts';
import type { DeniedName } from '../../src/network/names/denied-name.ts';

const at = Date.parse('2026-03-01T12:00:00Z');
const by: Explained = {
  sandbox: 'web',
  rules: { mode: 'allowlist', allowed: { 'a.example': true, '*.b.example': true } },
  around: { bridge: { name: 'coibr0', ipv4: '10.90.0.1/16' }, host: [] },
  isQuarantined: false,
};
const asked = (reason: DeniedName['reason'], name: string): DeniedName => ({
  name,
  type: 'A',
  reason,
  count: 2,
  first: at - 60_000,
  last: at,
});

describe('explainName', () => {
  it.each([
    ['unlisted', 'git.example', 'network.allowed_domains = ["a.example", "*.b.example", "git.example"]'],
    ['private answer', 'a.example', 'network.allow_local_network_access = true'],
    ['known resolver', 'dns.quad9.net', 'network.allowed_domains = ["a.example", "*.b.example", "dns.quad9.net"]'],
    ['suspicious', 'c2VjcmV0.b.example', undefined],
    ['rate', 'x.b.example', undefined],
    ['unlisted', 'what?is?this', undefined],
  ] as const)('%s: %s', (reason, name, line) => {
    const { allow, nothing, ...told } = explainName(by, asked(reason, name));
    expect(told).toMatchObject({ name, reason, first: '2026-03-01T11:59:00Z', last: '2026-03-01T12:00:00Z' });
    expect(allow?.line).toBe(line);
    expect(nothing === undefined).toBe(line !== undefined);
  });

  it('has no line where local networks may be reached already', () => {
    const local = { ...by, rules: { ...by.rules, localNetwork: true as const } };
    expect(explainName(local, asked('private answer', 'a.example')).nothing).toContain('never given out');
  });
});

describe('explainConnection', () => {
  const denial = { to: '203.0.113.7', proto: 'tcp', port: 22, count: 1, firstAt: at, lastAt: at };

  it('proposes the name that led there', () => {
    expect(explainConnection(by, denial, 'git.example').allow?.entry).toBe('git.example:22');
    expect(explainConnection(by, denial, undefined).allow?.entry).toBe('203.0.113.7:22');
  });

  it('points at the quarantine, not at the manifest', () => {
    expect(explainConnection({ ...by, rules: { mode: 'none' }, isQuarantined: true }, denial, undefined)).toMatchObject(
      {
        rule: 'quarantine',
        nothing: 'lift the quarantine with: coi resume web',
      },
    );
  });

  it('says when it is allowed by now', () => {
    const open = { ...by, rules: { mode: 'open' } as const };
    expect(explainConnection(open, denial, undefined)).toMatchObject({ rule: 'allowed-now', nothing: 'nothing to do' });
  });
});
