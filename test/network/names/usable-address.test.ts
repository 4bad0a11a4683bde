import { expect, test } from 'vitest';
import { parsePrefix } from '../../../src/network/address.ts';
import { isUsable } from '../../../src/network/names/usable-address.ts';

const own = {
  bridge: [parsePrefix('10.90.0.0/16')!, parsePrefix('fd42:90::/64')!],
  host: new Set(['203.0.113.1', '2001:db8:113::1', '192.168.1.5']),
};

test.each(['203.0.113.10', '2001:db8::10', '8.8.8.8', '172.32.0.1', '11.0.0.1'])('a name may lead to %s', (address) => {
  expect([isUsable(address, false, own), isUsable(address, true, own)]).toEqual([true, true]);
});

test.each(['10.7.0.10', '172.16.0.1', '192.168.77.10', '100.64.7.10', 'fd77::10', 'fc00::1'])(
  'a name may lead to %s where the local network is open',
  (address) => {
    expect([isUsable(address, false, own), isUsable(address, true, own)]).toEqual([false, true]);
  },
);

test.each([
  '127.0.0.1',
  '0.0.0.0',
  '169.254.169.254',
  '169.254.1.1',
  '100.100.100.200',
  '192.0.0.192',
  '224.0.0.1',
  '255.255.255.255',

  '::',
  '::1',
  '::ffff:10.0.0.1',
  '::10.0.0.1',
  '64:ff9b::a00:1',
  '2001:0:1::1',
  '2002:a00:1::',
  'fe80::1',
  'fd00:ec2::254',
  'ff02::1',
  '10.90.0.77',
  '10.90.0.1',
  'fd42:90::77',
  '203.0.113.1',
  '2001:db8:113::1',
  '192.168.1.5',
  '',
  'example.com',
  '203.0.113.10/32',
])('no name leads to %j', (address) => {
  expect([isUsable(address, false, own), isUsable(address, true, own)]).toEqual([false, false]);
});
