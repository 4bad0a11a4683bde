import { describe, expect, it } from 'vitest';
import { judgeName, nameRules } from '../../../src/network/names/name-rules.ts';
import { questionName } from '../../../src/network/names/question-name.ts';
import { knownResolverNames } from '../../../src/network/resolvers.ts';

const list = (...entries: readonly string[]) =>
  nameRules({ mode: 'allowlist', allowed: Object.fromEntries(entries.map((entry) => [entry, true as const])) });

const portsOf = (rules: ReturnType<typeof list>, name: string) => {
  const verdict = judgeName(rules, name);
  return verdict.kind === 'allowed' ? verdict.ports.map((port) => port?.port ?? 'web') : verdict.reason;
};

describe('a name', () => {
  it('is the one of its entry and no other', () => {
    const rules = list('example.com');
    expect(portsOf(rules, 'example.com')).toEqual(['web']);
    for (const name of ['www.example.com', 'xexample.com', 'example.com.attacker.test', 'com', 'example.co']) {
      expect([name, portsOf(rules, name)]).toEqual([name, 'unlisted']);
    }
  });

  it('lies below a wildcard, at any depth, and is never the wildcard’s own', () => {
    const rules = list('*.example.com');
    for (const name of ['a.example.com', 'a.b.c.example.com']) expect(portsOf(rules, name)).toEqual(['web']);
    for (const name of ['example.com', 'aexample.com', 'a.example.com.test'])
      expect(portsOf(rules, name)).toBe('unlisted');
  });

  it('opens what all its entries say', () => {
    const rules = list('git.example.com:22', '*.example.com', '*.com.test:8443', 'git.example.com:53000/udp');
    expect(portsOf(rules, 'git.example.com')).toEqual([22, 53_000, 'web']);
    expect(portsOf(rules, 'www.example.com')).toEqual(['web']);
    expect(portsOf(rules, 'a.com.test')).toEqual([8443]);
  });

  it('of a public resolver needs an entry of its own, also for what its customers have below it', () => {
    for (const name of knownResolverNames) {
      expect(portsOf(list(name), name)).toEqual(['web']);
      expect(portsOf(list(`*.${name}`), `customer.${name}`)).toBe('known resolver');
    }
    expect(portsOf(list('*.quad9.net'), 'dns.quad9.net')).toBe('known resolver');
    expect(portsOf(list('*.nextdns.io'), 'abc123.dns.nextdns.io')).toBe('known resolver');
    expect(portsOf(list('*.dns.nextdns.io'), 'abc123.dns.nextdns.io')).toBe('known resolver');
    expect(portsOf(list('*.nextdns.io'), 'www.nextdns.io')).toEqual(['web']);
  });

  it.each([
    'pipelinesghubeus2.actions.githubusercontent.com',
    'prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com',
    'rr3---sn-4g5ednsl.googlevideo.com',
    '0f8fad5b-d9cb-469f-a165-70867728950e.blob.core.windows.net',
    'd41d8cd98f00b204e9800998ecf8427e.cloudfront.net',
    'us-central1-docker-pkg-dev.europe-west4.run.app',
    'ec2-203-0-113-25.eu-central-1.compute.amazonaws.com',
    'productionresultssa17.blob.core.windows.net',
    'objects-origin-release-assets-2e65be.githubusercontent.com',
  ])('like %s is a name', (name) => {
    const base = name.split('.').slice(-2).join('.');
    expect(portsOf(list(`*.${base}`), name)).toEqual(['web']);
  });

  it.each([
    ['base32', 'mzxw6ytboi3gk2ltor2w45dforqw4zltmfwxa3df'],
    ['base32 in pieces', 'mzxw6ytboi3gk2l.tor2w45dforqw4z.ltmfwxa3dfnb2ha'],
    ['a long label', 'a'.repeat(49)],
    ['a long name', Array.from({ length: 12 }, () => 'abcdefghi').join('.')],
  ])('of %s is data', (_, text) => {
    expect(portsOf(list('*.example.com'), `${text}.example.com`)).toBe('suspicious');
    expect(portsOf(list(`${text}.example.com`), `${text}.example.com`)).toEqual(['web']);
  });
});

describe('questionName', () => {
  it('makes one name of what means the same', () => {
    expect(questionName('Example.COM.')).toBe('example.com');
    expect(questionName('_service._tcp.example.com')).toBe('_service._tcp.example.com');
  });

  it.each([
    '',
    '.',
    'a..b',
    '-a.test',
    'a-.test',
    'münchen.test',
    'a b.test',
    'a\0.test',
    '*.test',
    'ｅxample.com',
    `${'a'.repeat(64)}.test`,
    'a.'.repeat(127) + 'test',
    'k\u212A.test',
  ])('takes %j for none', (text) => {
    expect(questionName(text)).toBeUndefined();
  });
});
