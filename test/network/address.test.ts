import { isIPv4, isIPv6 } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  contains,
  parseAddress,
  parseInterfaceAddress,
  renderAddress,
  renderPrefix,
} from '../../src/network/address.ts';

describe('addresses', () => {
  it('reads every IPv4 address and prints it the same', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(renderAddress(parseAddress(text)!)).toBe(text);
      }),
    );
  });

  it('prints an IPv6 address as the platform does, whatever form it was read in', () => {
    fc.assert(
      fc.property(
        fc.ipV6().filter((text) => isIPv6(text)),
        (text) => {
          const printed = renderAddress(parseAddress(text)!);
          const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
          expect(printed).toBe(canonical);
        },
      ),
    );
  });

  it('takes exactly the texts that the platform takes', () => {
    const nearly = fc.stringMatching(/^[0-9a-f:.]{0,24}$/);
    fc.assert(
      fc.property(nearly, (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
      {
        numRuns: 2_000,
        examples: [['1:2:3:4:5:6:7::'], ['::'], [':::'], ['1::2::3'], ['1.2.3.4:1'], ['01.2.3.4'], [':1:2']],
      },
    );
  });

  it('cuts a prefix out of an interface address', () => {
    const { prefix, address } = parseInterfaceAddress('10.90.3.1/16');
    expect(renderPrefix(prefix)).toBe('10.90.0.0/16');
    expect(contains(prefix, address)).toBe(true);
    expect(contains(prefix, parseAddress('10.91.0.1')!)).toBe(false);
    expect(contains(prefix, parseAddress('::a5a:1')!)).toBe(false);
    expect(renderPrefix(parseInterfaceAddress('fd42:90::1/64').prefix)).toBe('fd42:90::/64');
  });

  it.each(['10.90.0.1', '10.90.0.1/33', 'fd42::1/129', '10.90.0.1/', 'x/16', ''])(
    'refuses %j as interface address',
    (text) => {
      expect(() => parseInterfaceAddress(text)).toThrow(expect.objectContaining({ code: 'network.address' }));
    },
  );
});
