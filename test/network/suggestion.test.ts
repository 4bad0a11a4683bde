import { assert, constantFrom, integer, ipV4, ipV6, oneof, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/network/address.ts';
import { parseAsked } from '../../src/network/destination.ts';
import { judge, judgeName, type Surroundings } from '../../src/network/judge.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { suggest, suggestName } from '../../src/network/suggestion.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';

const around: Surroundings = {
  bridge: { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' },
  host: [],
};

/** What a manifest with these lines means. */
function rulesOf(...lines: string[]): NetworkRules {
  const text = ['apiVersion = "coi/v1"', '[sandbox.a]', ...lines].join('\n');
  const { manifests, problems } = parseManifestFile({ file: 'f', text, source: 's', home: '/', settings: {} });
  expect(problems).toEqual([]);
  return manifests[0]!.sandbox.network;
}

function asked(text: string) {
  const to = parseAsked(text);
  if (typeof to === 'string' || to.kind !== 'address') throw new Error(text);
  return to;
}

describe('suggest', () => {
  it.each([
    ['none', '203.0.113.7', 'network.mode = "restricted"'],
    ['none', '10.7.0.1', 'network = { mode = "restricted", allow_local_network_access = true }'],
    ['restricted', '10.7.0.1:5432', 'network.allow_local_network_access = true'],
    ['restricted', '[fd77::1]:80', 'network.allow_local_network_access = true'],
    ['restricted', '169.254.169.254:80', 'network.block_metadata_endpoint = false'],
    ['restricted', '169.254.1.1', undefined],
    ['restricted', '1.1.1.1', undefined],
    ['restricted', '203.0.113.7:53/udp', undefined],
    ['restricted', '10.90.0.1:22', undefined],
    ['restricted', '10.90.3.4', undefined],
    ['open', '10.90.3.4', undefined],
    ['allowlist', '203.0.113.7', 'network.allowed_domains = ["203.0.113.7", "a.example"]'],
    ['allowlist', '[2001:db8::7]:22', 'network.allowed_domains = ["a.example", "[2001:db8::7]:22"]'],
    ['allowlist', '10.7.0.1:5432', 'network.allowed_domains = ["10.7.0.1:5432", "a.example"]'],
    ['allowlist', '1.1.1.1', 'network.allowed_domains = ["1.1.1.1", "a.example"]'],
    ['allowlist', '169.254.169.254:80', undefined],
    ['allowlist', '203.0.113.7:853', undefined],
  ] as const)('mode %s, %s', (mode, to, line) => {
    const rules = rulesOf(
      `network.mode = "${mode}"`,
      ...(mode === 'allowlist' ? [`network.allowed_domains = ["a.example"]`] : []),
    );
    const found = suggest(rules, around, { to: asked(to) })?.line;
    expect(found && new Set(found.match(/[\w.:[\]/]+/g))).toEqual(line && new Set(line.match(/[\w.:[\]/]+/g)));
  });

  it('names the name that led to an address', () => {
    const rules = rulesOf('network.mode = "allowlist"', 'network.allowed_domains = ["a.example"]');
    expect(suggest(rules, around, { to: asked('203.0.113.7:22'), name: 'git.example' })).toEqual({
      key: 'network.allowed_domains',
      line: 'network.allowed_domains = ["a.example", "git.example:22"]',
      entry: 'git.example:22',
    });
  });

  it('has nothing for what has no ports', () => {
    const rules = rulesOf('network.mode = "allowlist"', 'network.allowed_domains = ["a.example"]');
    expect(suggest(rules, around, { to: { address: parseAddress('203.0.113.7')!, proto: 'icmp' } })).toBeUndefined();
  });

  it('is a line that a manifest takes and that allows it', () => {
    const modes = constantFrom('none', 'restricted', 'allowlist', 'open');
    const address = oneof(
      ipV4(),
      ipV6(),
      constantFrom('10.1.2.3', '192.168.1.1', '100.100.100.200', '169.254.169.254', '1.1.1.1', '8.8.8.8', 'fd00::1'),
    );
    const port = oneof(constantFrom(53, 80, 443, 853), integer({ min: 1, max: 65_535 }));
    assert(
      property(modes, address, port, constantFrom('tcp', 'udp'), (mode, host, number, proto) => {
        const to = { address: parseAddress(host)!, proto, port: number };
        const old = mode === 'allowlist' ? ['network.allowed_domains = ["a.example"]'] : [];
        const rules = rulesOf(`network.mode = "${mode}"`, ...old);
        if (judge(rules, around, to).allowed) return;
        const found = suggest(rules, around, { to });
        if (!found) return;
        const kept = [`network.mode = "${mode}"`, ...old].filter(
          (line) => found.key !== 'network' && !line.startsWith(found.key),
        );
        expect(judge(rulesOf(...kept, found.line), around, to).allowed).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('judgeName', () => {
  const rules = rulesOf(
    'network.mode = "allowlist"',
    'network.allowed_domains = ["a.example", "*.b.example", "c.example:22"]',
  );
  it.each([
    ['a.example', 443, true],
    ['a.example', 80, true],
    ['a.example', 22, false],
    ['x.a.example', 443, false],
    ['x.b.example', 443, true],
    ['b.example', 443, false],
    ['c.example', 22, true],
    ['c.example', 443, false],
    ['a.example', 53, false],
  ])('%s port %d', (name, port, allowed) => {
    expect(judgeName(rules, name, { proto: 'tcp', port }).allowed).toBe(allowed);
  });

  it('suggests the entry that is missing', () => {
    expect(suggestName(rules, 'a.example', { proto: 'tcp', port: 22 })?.entry).toBe('a.example:22');
    expect(suggestName(rules, 'd.example', { proto: 'udp', port: 443 })?.entry).toBe('d.example');
    expect(suggestName(rules, 'd.example', { proto: 'tcp', port: 53 })).toBeUndefined();
  });

  it('takes no wildcard for a public resolver, an entry of its own yes', () => {
    const all = rulesOf('network.mode = "allowlist"', 'network.allowed_domains = ["*.quad9.net"]');
    expect(judgeName(all, 'dns.quad9.net', { proto: 'tcp', port: 443 })).toEqual({
      allowed: false,
      rule: 'known-resolver',
    });
    expect(suggestName(all, 'dns.quad9.net', { proto: 'tcp', port: 443 })?.entry).toBe('dns.quad9.net');
  });
});
