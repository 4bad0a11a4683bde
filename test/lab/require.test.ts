import { expect, test } from 'vitest';
import { requireLab } from './require.ts';

test('requireLab() names everything that is missing and how to get it', () => {
  expect(() => requireLab(['/nowhere'])).toThrow(
    /lacks: .*\bincus, nft, ip, dnsmasq, .*Run test\/lab\/install as root/,
  );
});
