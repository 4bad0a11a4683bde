import { describe, expect, it } from 'vitest';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import type { Bridge } from '../../src/network/policy.ts';
import { blockPolicies, ourMark } from '../../src/network/xfrm-policies.ts';

const own: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };
const shared: Bridge = { ...own, shared: true };
const endpoint = chooseEndpoint({ uid: '01JABCDEFGHJKMNPQRSTVWXYZ0', bridge: own, taken: new Set() });
const lines = (...given: Parameters<typeof blockPolicies>) =>
  blockPolicies(...given).map(({ source, destination, direction, action }) =>
    [action, direction, source, destination].join(' '),
  );

describe('the second layer', () => {
  it('covers the prefixes of a bridge of coi’s own, whoever sits on it', () => {
    expect(lines(own, { linkLocal: 'fe80::1', endpoints: [endpoint] })).toEqual([
      'block fwd 10.90.0.0/16 0.0.0.0/0',
      'block in 10.90.0.0/16 0.0.0.0/0',
      'block fwd fd42:90::/64 ::/0',
      'block in fd42:90::/64 ::/0',
      'block in fe80::/10 fd42:90::1/128',
      'allow in fd42:90::1/128 fd42:90::1/128',
      'block in fe80::/10 fe80::1/128',
    ]);
  });

  it('covers nothing but the addresses of sandboxes on a shared one', () => {
    expect(lines(shared)).toEqual([]);
    expect(lines(shared, { linkLocal: 'fe80::1', endpoints: [endpoint] })).toEqual([
      `block fwd ${endpoint.ipv4}/32 0.0.0.0/0`,
      `block in ${endpoint.ipv4}/32 0.0.0.0/0`,
      `block fwd ${endpoint.ipv6}/128 ::/0`,
      `block in ${endpoint.ipv6}/128 ::/0`,
      expect.stringMatching(/^block in fe80::[0-9a-f:]+\/128 ::\/0$/),
    ]);
  });

  it('is known by its mark', () => {
    const all = [...blockPolicies(own), ...blockPolicies(shared, { endpoints: [endpoint] })];
    expect(new Set(all.map(({ mark }) => mark))).toEqual(new Set([ourMark]));
  });
});
