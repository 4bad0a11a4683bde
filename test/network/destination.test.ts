import { describe, expect, it } from 'vitest';
import { renderAddress } from '../../src/network/address.ts';
import { parseAsked, renderDestination } from '../../src/network/destination.ts';

/** What was read, in short. */
function read(text: string): string {
  const asked = parseAsked(text);
  if (typeof asked === 'string') return `! ${asked}`;
  const host = asked.kind === 'name' ? asked.name : renderAddress(asked.address);
  return `${asked.kind} ${host} ${asked.proto} ${asked.port}`;
}

describe('parseAsked', () => {
  it.each([
    ['203.0.113.7', 'address 203.0.113.7 tcp 443'],
    ['203.0.113.7:22', 'address 203.0.113.7 tcp 22'],
    ['203.0.113.7:53/udp', 'address 203.0.113.7 udp 53'],
    ['2001:DB8::7', 'address 2001:db8::7 tcp 443'],
    ['[2001:db8::7]', 'address 2001:db8::7 tcp 443'],
    ['[2001:db8::7]:8443/UDP', 'address 2001:db8::7 udp 8443'],
    ['GitHub.com', 'name github.com tcp 443'],
    ['github.com.:22', 'name github.com tcp 22'],
    ['bücher.example:80', 'name xn--bcher-kva.example tcp 80'],
    ['quic.example/udp', 'name quic.example udp 443'],
  ])('%s', (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  it.each(['', ':80', 'a b', '1.2.3', '1.2.3.4:0', '1.2.3.4:65536', '[github.com]:80', 'x:80/sctp', '2001:db8::7:'])(
    'says what is wrong with "%s"',
    (text) => {
      expect(read(text)).toMatch(/^! .+\.$/);
    },
  );

  it.each(['203.0.113.7:22', '203.0.113.7:53/udp', '[2001:db8::7]:443'])('reads what is rendered: %s', (text) => {
    const asked = parseAsked(text);
    expect(typeof asked === 'object' && asked.kind === 'address' && renderDestination(asked)).toBe(text);
  });
});
