import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deadAddressTest } from '../../../src/network/original/dead-address.ts';
import { isSharedRule, sourceOfDirectRule, type DirectRule } from '../../../src/network/original/direct-rules.ts';

const rule = (text: string): DirectRule => {
  const [priority, ...args] = text.split(' ');
  return { priority: Number(priority), args };
};

const octet = fc.integer({ min: 0, max: 255 });
const address = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join('.'));
const ranges = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

/** Every rule that the original writes, for one source. */
const original = fc
  .tuple(address, address)
  .chain(([source, other]) =>
    fc.constantFrom(
      `0 -s ${source} -j ACCEPT`,
      `0 -s ${source} -d ${other}/32 -j ACCEPT`,
      ...ranges.map((range) => `1 -s ${source} -d ${range} -j ACCEPT`),
      `1 -s ${source} -d ${other}/32 -j ACCEPT`,
      ...[...ranges, '169.254.0.0/16'].map((range) => `10 -s ${source} -d ${range} -j REJECT`),
      `50 -s ${source} -d 0.0.0.0/0 -j ACCEPT`,
      `99 -s ${source} -d 0.0.0.0/0 -j REJECT`,
    ),
  );

/** Ways in which somebody else's rule differs from one of the original while it looks much like it. */
const changes: Readonly<Record<string, (rule: DirectRule) => DirectRule>> = {
  'another match': ({ priority, args }) => ({ priority, args: ['-p', 'tcp', ...args] }),
  'a comment': ({ priority, args }) => ({ priority, args: [...args, '-m', 'comment', '--comment', 'vpn'] }),
  'an interface': ({ priority, args }) => ({ priority, args: ['-i', 'wg0', ...args] }),
  'a negation': ({ priority, args }) => ({ priority, args: ['!', ...args] }),
  'a network as source': ({ priority, args }) => ({
    priority,
    args: args.map((word, at) => (args[at - 1] === '-s' ? `${word}/24` : word)),
  }),
  'two sources': ({ priority, args }) => ({
    priority,
    args: args.map((word, at) => (args[at - 1] === '-s' ? `${word},10.9.9.9` : word)),
  }),
  'a name as source': ({ priority, args }) => ({
    priority,
    args: args.map((word, at) => (args[at - 1] === '-s' ? 'vpn.example' : word)),
  }),
  'no source': ({ priority, args }) => ({ priority, args: args.slice(2) }),
  'another verdict': ({ priority, args }) => ({ priority, args: [...args.slice(0, -1), 'DROP'] }),
  'the opposite verdict': ({ priority, args }) => ({
    priority,
    args: [...args.slice(0, -1), args.at(-1) === 'ACCEPT' ? 'REJECT' : 'ACCEPT'],
  }),
  'a chosen answer': ({ priority, args }) => ({ priority, args: [...args, '--reject-with', 'tcp-reset'] }),
  'another priority': ({ priority, args }) => ({ priority: priority + 2, args }),
  'half a range': ({ priority, args }) => ({
    priority,
    args: [...args.slice(0, 2), '-d', '10.0.0.0/9', ...args.slice(-2)],
  }),
  'a word twice': ({ priority, args }) => ({ priority, args: [...args, '-j', 'ACCEPT'] }),
  'half a pair': ({ priority, args }) => ({ priority, args: args.slice(0, -1) }),
};

describe('a direct rule', () => {
  it('of the original gives away its container, however its options are spelled', () => {
    fc.assert(
      fc.property(original, fc.boolean(), (text, isLong) => {
        const { priority, args } = rule(text);
        const long = args.map((word) => ({ '-s': '--source', '-d': '--destination', '-j': '--jump' })[word] ?? word);
        expect(sourceOfDirectRule({ priority, args: isLong ? long : args })).toBe(args[1]);
      }),
    );
    expect(sourceOfDirectRule(rule('0 -s 10.1.2.3/32 -j ACCEPT'))).toBe('10.1.2.3');
  });

  it.each(Object.keys(changes))('with %s is somebody else’s', (name) => {
    fc.assert(
      fc.property(original, (text) => {
        const changed = changes[name]!(rule(text));
        expect(sourceOfDirectRule(changed)).toBeUndefined();
      }),
    );
  });

  it('of any words is selected only when it says nothing but source, destination and verdict', () => {
    const word = fc.constantFrom(
      '-s',
      '-d',
      '-j',
      '-p',
      '!',
      'ACCEPT',
      'REJECT',
      '10.1.2.3',
      '10.0.0.0/8',
      '0.0.0.0/0',
    );
    const any = fc.record({ priority: fc.constantFrom(-1, 0, 1, 10, 50, 99), args: fc.array(word, { maxLength: 8 }) });
    fc.assert(
      fc.property(any, (candidate) => {
        if (sourceOfDirectRule(candidate) === undefined) return;
        const options = candidate.args.filter((_, at) => at % 2 === 0).toSorted();
        expect([
          ['-j', '-s'],
          ['-d', '-j', '-s'],
        ]).toContainEqual(options);
      }),
      { numRuns: 2_000 },
    );
  });

  it('that all containers share is known by every word', () => {
    const shared = '-1 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT';
    expect(isSharedRule(rule(shared))).toBe(true);
    expect(sourceOfDirectRule(rule(shared))).toBeUndefined();
    expect(isSharedRule(rule(shared.replace('-1', '0')))).toBe(false);
    expect(isSharedRule(rule(`${shared} -i wg0`))).toBe(false);
    expect(isSharedRule(rule(shared.replace('RELATED,', '')))).toBe(false);
  });
});

describe('an address', () => {
  const isDead = deadAddressTest({
    bridges: ['10.90.0.1/24', '172.20.0.1/16'],
    taken: new Set(['10.90.0.5', '172.20.3.4']),
  });

  it.each([
    ['10.90.0.6', true],
    ['10.90.0.50', true],
    ['172.20.3.40', true],
    ['10.90.0.5', false],
    ['172.20.3.4', false],
    ['10.90.0.1', false],
    ['10.90.1.6', false],
    ['10.9.0.6', false],
    ['192.168.1.7', false],
    ['fd00::1', false],
    ['', false],
  ])('%s is dead: %s', (text, dead) => {
    expect(isDead(text)).toBe(dead);
  });

  it('is never dead where Incus has no bridge', () => {
    const nowhere = deadAddressTest({ bridges: [], taken: new Set() });
    fc.assert(
      fc.property(address, (text) => {
        expect(nowhere(text)).toBe(false);
      }),
    );
  });
});
