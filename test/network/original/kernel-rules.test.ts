import { describe, expect, it } from 'vitest';
import { parseKernelRules } from '../../../src/network/original/kernel-rules.ts';
import { strandedRules } from '../../../src/network/original/stranded-rules.ts';

type Expression = Readonly<Record<string, unknown>>;
const match = (left: string, right: unknown, op = '=='): Expression => {
  const [protocol, field] = left.split(' ');
  return { match: { op, left: { payload: { protocol, field } }, right } };
};
const from = (ip = '10.90.0.5') => match('ip saddr', ip);
const counter = { counter: { packets: 0, bytes: 0 } };
const log = (prefix: string) => ({ log: { prefix, level: 'info' } });
const limit = { limit: { rate: 100, burst: 5, per: 'second' } };
const ports = { set: [4444, 5555, { range: [6666, 6697] }] };
const accept = { accept: null };
const reject = { xt: { type: 'target', name: 'REJECT' } };

function read(...rules: readonly (readonly Expression[])[]) {
  const listed = rules.map((expr, index) => ({
    rule: { family: 'ip', table: 'filter', chain: 'FORWARD', handle: index + 5, expr },
  }));
  return parseKernelRules(JSON.stringify({ nftables: [{ metainfo: {} }, { chain: { handle: 1 } }, ...listed] }));
}

describe('a log rule', () => {
  it.each([
    [[from(), limit, log('NFT_COI[10.90.0.5]: '), counter]],
    [[from(), match('udp dport', 53), log('NFT_DNS[10.90.0.5]: '), counter]],
    [[from(), match('tcp dport', ports), log('NFT_SUSPICIOUS[10.90.0.5]: '), counter]],
    [[from(), match('ip daddr', { set: ['169.254.169.254'] }), log('NFT_SUSPICIOUS[10.90.0.5]: '), counter]],
  ])('of the original is known: %j', (expr) => {
    expect(read(expr)).toMatchObject([{ handle: 5, kind: 'log', source: '10.90.0.5' }]);
  });

  it.each([
    ['another prefix', [from(), limit, log('NFT_COIN[10.90.0.5]: '), counter]],
    ['a word of the language as prefix', [from(), limit, log('NFT_CONSTRUCTOR[10.90.0.5]: '), counter]],
    ['more around the prefix', [from(), limit, log('x NFT_COI[10.90.0.5]: '), counter]],
    ['another address in the prefix', [from(), limit, log('NFT_COI[10.90.0.50]: '), counter]],
    ['a verdict', [from(), limit, log('NFT_COI[10.90.0.5]: '), counter, accept]],
    ['a verdict in place of the counter', [from(), limit, log('NFT_COI[10.90.0.5]: '), accept]],
    ['no source', [limit, limit, log('NFT_COI[10.90.0.5]: '), counter]],
    ['a source that is excluded', [match('ip saddr', '10.90.0.5', '!='), limit, log('NFT_COI[10.90.0.5]: '), counter]],
    ['another limit', [from(), { limit: { rate: 5, per: 'second' } }, log('NFT_COI[10.90.0.5]: '), counter]],
    ['another port', [from(), match('udp dport', 123), log('NFT_DNS[10.90.0.5]: '), counter]],
    ['no prefix', [from(), limit, { log: null }, counter]],
  ])('with %s is somebody else’s', (_, expr) => {
    expect(read(expr as Expression[])).toEqual([]);
  });
});

describe('a filter rule', () => {
  it('says source, destination and verdict', () => {
    const network = match('ip daddr', { prefix: { addr: '169.254.0.0', len: 16 } });
    expect(
      read(
        [from(), match('ip daddr', '10.90.0.1'), counter, accept],
        [from(), network, counter, reject],
        [from(), counter, accept],
      ).map((rule) => rule.kind === 'filter' && rule.rule),
    ).toEqual([
      { source: '10.90.0.5', destination: '10.90.0.1/32', verdict: 'ACCEPT' },
      { source: '10.90.0.5', destination: '169.254.0.0/16', verdict: 'REJECT' },
      { source: '10.90.0.5', destination: undefined, verdict: 'ACCEPT' },
    ]);
  });

  it.each([
    ['a port', [from(), match('tcp dport', 22), counter, accept]],
    ['two more conditions', [from(), match('ip daddr', '1.2.3.4'), match('tcp dport', 22), counter, accept]],
    ['a match of iptables', [from(), { xt: { type: 'match', name: 'comment' } }, counter, accept]],
    ['no counter', [from(), accept]],
    ['another verdict', [from(), counter, { drop: null }]],
    ['another target', [from(), counter, { xt: { type: 'target', name: 'MARK' } }]],
    ['a network as source', [match('ip saddr', { prefix: { addr: '10.90.0.0', len: 16 } }), counter, accept]],
    ['nothing', []],
  ])('with %s is somebody else’s', (_, expr) => {
    expect(read(expr as Expression[])).toEqual([]);
  });
});

describe('without priorities', () => {
  const bridges = ['10.90.0.1/16'];

  it('rules are the original’s where one of the same source gives them away', () => {
    const rules = read(
      [from(), match('ip daddr', '10.90.0.1'), counter, accept],
      [from(), counter, accept],
      [from('10.90.0.6'), match('ip daddr', { prefix: { addr: '169.254.0.0', len: 16 } }), counter, reject],
      [from('10.90.0.6'), counter, reject],
    );
    expect([...strandedRules(rules, bridges)]).toEqual(rules);
  });

  it('rules are left alone where nothing does', () => {
    const rules = read(
      [from(), counter, accept],
      [from('10.90.0.6'), match('ip daddr', '10.90.0.2'), counter, accept],
      [from('10.90.0.7'), match('ip daddr', { prefix: { addr: '10.0.0.0', len: 8 } }), counter, reject],
      [from('10.90.0.8'), limit, log('NFT_COI[10.90.0.8]: '), counter],
    );
    expect(rules).toHaveLength(4);
    expect([...strandedRules(rules, bridges)]).toEqual([]);
  });
});
