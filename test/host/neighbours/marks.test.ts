import { describe, expect, it } from 'vitest';
import { chainsOf } from '../../../src/host/neighbours/foreign-rules.ts';
import { parseIptables } from '../../../src/host/neighbours/iptables-rules.ts';
import { clashesIn } from '../../../src/host/neighbours/marks.ts';

function ofIptables(rule: string, chain = 'PREROUTING'): string[] {
  const tables = parseIptables(`*mangle\n:${chain} ACCEPT [0:0]\n-A ${chain} ${rule}\nCOMMIT\n`);
  const iptables = [{ program: 'iptables-nft', family: 4 as const, tables }];
  return clashesIn({ iptables, chains: [], bridge: 'coibr0' }).map(({ what }) => what);
}

const mark = { meta: { key: 'mark' } };

function ofNft(expr: object, hook = 'prerouting', ...before: object[]): string[] {
  const place = { family: 'inet', table: 'foreign' };
  const objects = [
    { chain: { ...place, name: 'c', hook, policy: 'accept' } },
    { rule: { ...place, chain: 'c', expr: [...before, expr] } },
  ];
  return clashesIn({ iptables: [], chains: chainsOf(objects), bridge: 'coibr0' }).map(({ what }) => what);
}

describe('rules of iptables that clash with the marks of coi', () => {
  it.each([
    ['-j MARK --set-xmark 0x20000000/0x20000000', ['uses the bits']],
    ['-j MARK --set-xmark 0x6d6f6c65/0xffffffff', ['uses the bits']],
    ['-j MARK --set-xmark 0xca6c/0xffffffff', ['overwrites the packet mark']],
    ['-j MARK --set-xmark 0x4000/0x4000', []],
    ['-i eth0 -j MARK --set-xmark 0xca6c/0xffffffff', []],
    ['-j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff', ['overwrites the packet mark']],
    ['-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff', []],
    ['-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xff', ['sets the connection mark']],
    ['-m mark --mark 0x10000000/0x10000000 -j DROP', ['uses the bits']],
    ['-i coibr0 -m mark --mark 0x20000000/0x20000000 -j ACCEPT', []],
  ])('%s: %j', (rule, expected) => {
    expect(ofIptables(rule)).toEqual(expected);
  });

  it('are not those that mark what the host itself sends', () => {
    expect(ofIptables('-j MARK --set-xmark 0xca6c/0xffffffff', 'OUTPUT')).toEqual([]);
    expect(ofIptables('-j MARK --set-xmark 0x20000000/0x20000000', 'OUTPUT')).toEqual(['uses the bits']);
  });
});

describe('rules of nft that clash with the marks of coi', () => {
  it.each([
    [{ mangle: { key: mark, value: { '|': [mark, 0x2000_0000] } } }, ['uses the bits']],
    [{ mangle: { key: mark, value: { '|': [mark, 1] } } }, []],
    [{ mangle: { key: mark, value: { '&': [mark, 0xff00_0000] } } }, []],
    [{ mangle: { key: mark, value: { '&': [mark, 0xff] } } }, ['overwrites the packet mark']],
    [{ mangle: { key: mark, value: { ct: { key: 'mark' } } } }, ['overwrites the packet mark']],
    [{ mangle: { key: { ct: { key: 'mark' } }, value: 3 } }, ['sets the connection mark']],
    [{ match: { op: '==', left: { '&': [mark, 0x1000_0000] }, right: 0x1000_0000 } }, ['uses the bits']],
    [{ match: { op: '==', left: mark, right: 7 } }, []],
    [{ accept: null }, []],
  ])('%j: %j', (expr, expected) => {
    expect(ofNft(expr)).toEqual(expected);
  });

  it('are not the rules that let sandboxes through', () => {
    const matched = { match: { op: '==', left: { '&': [mark, 0x2000_0000] }, right: 0x2000_0000 } };
    expect(ofNft(matched)).toEqual(['uses the bits']);
    expect(ofNft({ accept: null }, 'forward', matched)).toEqual([]);
  });

  it('are not those of other links, nor of what the host itself sends', () => {
    const clash = { mangle: { key: mark, value: 7 } };
    const of = (link: string) => ({ match: { op: '==', left: { meta: { key: 'iifname' } }, right: link } });
    expect(ofNft(clash)).toHaveLength(1);
    expect(ofNft(clash, 'output')).toEqual([]);
    expect(ofNft(clash, 'prerouting', of('wg0'))).toEqual([]);
    expect(ofNft(clash, 'prerouting', of('coibr0'))).toHaveLength(1);
  });
});
