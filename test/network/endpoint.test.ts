import * as fc from 'fast-check';
import { ulid } from 'ulid';
import { describe, expect, it } from 'vitest';
import { parseAddress, parseInterfaceAddress, contains } from '../../src/network/address.ts';
import { chooseEndpoint, isPortName, linkLocalAddress, portName } from '../../src/network/endpoint.ts';
import type { Bridge } from '../../src/network/policy.ts';

const bridge: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };
const uid = fc.integer({ min: 0, max: 2 ** 40 }).map((time) => ulid(time));

describe('chooseEndpoint', () => {
  it('forms the IPv6 address that SLAAC will', () => {
    const taken = new Set<string>();
    const { mac, ipv6 } = chooseEndpoint({ uid: '01JABCDEFGHJKMNPQRSTVWXYZ0', bridge, taken });
    expect(mac).toBe('10:66:6a:c0:6d:f9');
    expect(ipv6).toBe('fd42:90::1266:6aff:fec0:6df9');
    expect(linkLocalAddress(mac)).toBe('fe80::1266:6aff:fec0:6df9');
  });

  it('gives the same uid the same place, inside the prefix and clear of what is reserved', () => {
    fc.assert(
      fc.property(uid, (id) => {
        const endpoint = chooseEndpoint({ uid: id, bridge, taken: new Set() });
        expect(chooseEndpoint({ uid: id, bridge, taken: new Set() })).toEqual(endpoint);
        const address = parseAddress(endpoint.ipv4)!;
        expect(contains(parseInterfaceAddress(bridge.ipv4).prefix, address)).toBe(true);
        expect(address.value & 0xffffn).toBeGreaterThan(10n);
        expect(endpoint.ipv4).not.toBe('10.90.255.255');
        expect(endpoint.port.length).toBeLessThanOrEqual(15);
        expect(isPortName(endpoint.port)).toBe(true);
      }),
    );
  });

  it('fills a small bridge to the last address, each once, and then says that it is full', () => {
    const small: Bridge = { name: 'coibr0', ipv4: '10.90.5.20/27' };
    const taken = new Set<string>();
    for (let filled = 0; filled < 19; filled++) {
      const { ipv4, ipv6 } = chooseEndpoint({ uid: ulid(), bridge: small, taken });
      expect(taken.has(ipv4)).toBe(false);
      expect(ipv6).toBeUndefined();
      taken.add(ipv4);
    }
    expect(() => chooseEndpoint({ uid: ulid(), bridge: small, taken })).toThrow(
      expect.objectContaining({ code: 'network.full' }),
    );
    const free = Array.from({ length: 20 }, (_, index) => `10.90.5.${index + 11}`).filter((ip) => ip !== '10.90.5.20');
    expect([...taken].toSorted()).toEqual(free.toSorted());
  });

  it.each([
    { name: 'b', ipv4: '10.0.0.1/15' },
    { name: 'b', ipv4: '10.0.0.1/28' },
    { name: 'b', ipv4: '10.0.0.1/24', ipv6: 'fd00::1/80' },
  ])('refuses the prefixes of $ipv4 $ipv6', (unfit) => {
    expect(() => chooseEndpoint({ uid: ulid(), bridge: unfit, taken: new Set() })).toThrow(
      expect.objectContaining({ code: 'network.prefix' }),
    );
  });

  it('makes no interface name from something that is no uid', () => {
    expect(() => portName('a b')).toThrow(expect.objectContaining({ code: 'network.uid' }));
    expect(isPortName('coibr0')).toBe(false);
  });
});
