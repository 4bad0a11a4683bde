import { describe, expect, it } from 'vitest';
import { rulesInDirectFile, withoutRules } from '../../../src/network/original/direct-file.ts';

const text = `<?xml version="1.0" encoding="utf-8"?>
<direct>
  <chain ipv="ipv4" table="raw" chain="blocked"/>
  <rule ipv="ipv4" table="filter" chain="FORWARD" priority="0">-s 10.90.0.5 -d 10.90.0.1/32 -j ACCEPT</rule>
  <rule chain='FORWARD' priority='99' table='filter' ipv='ipv4'>
    -s 10.90.0.5 -d 0.0.0.0/0 -j REJECT
  </rule>
  <!-- <rule ipv="ipv4" table="filter" chain="FORWARD" priority="0">-s 10.90.0.7 -j ACCEPT</rule> -->
  <rule ipv="ipv6" table="filter" chain="FORWARD" priority="0">-s fd00::1 -j ACCEPT</rule>
  <rule ipv="ipv4" table="nat" chain="FORWARD" priority="0">-s 10.90.0.5 -j ACCEPT</rule>
  <rule ipv="ipv4" table="filter" chain="INPUT" priority="0">-s 10.90.0.5 -j ACCEPT</rule>
  <rule ipv="ipv4" table="filter" chain="FORWARD" priority="0" note="x">-s 10.90.0.5 -j ACCEPT</rule>
  <rule ipv="ipv4" table="filter" chain="FORWARD" priority="1">-s 10.90.0.5 -m comment --comment 'a b' -j ACCEPT</rule>
  <passthrough ipv="ipv4">-A FORWARD -s 10.90.0.5 -j ACCEPT</passthrough>
</direct>
`;

describe("firewalld's file of direct rules", () => {
  it('is read rule by rule; what is not a plain rule of that chain is passed over', () => {
    expect(rulesInDirectFile(text).map(({ priority, args }) => `${priority} ${args.join(' ')}`)).toEqual([
      '0 -s 10.90.0.5 -d 10.90.0.1/32 -j ACCEPT',
      '99 -s 10.90.0.5 -d 0.0.0.0/0 -j REJECT',
    ]);
  });

  it('loses exactly the rules that are taken out', () => {
    const [first, second] = rulesInDirectFile(text);
    const lines = text.split('\n');
    expect(withoutRules(text, [second!, first!]).split('\n')).toEqual([...lines.slice(0, 3), ...lines.slice(7)]);
    expect(withoutRules(text, [])).toBe(text);
  });

  it('may be empty, or something else altogether', () => {
    expect(rulesInDirectFile('')).toEqual([]);
    expect(rulesInDirectFile('<direct><rule>')).toEqual([]);
  });
});
