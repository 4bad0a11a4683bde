import { describe, expect, it } from 'vitest';
import { faultOf } from '../../src/image/name-servers.ts';

const faulty = [
  '',
  '# nameserver 9.9.9.9\n',
  'nameserver 127.0.0.53\n',
  'search x\n nameserver\t127.0.0.1\nnameserver ::1',
];
const sound = ['nameserver 10.0.0.1\n', 'nameserver 127.0.0.53\nnameserver 192.0.2.1\n', 'nameserver fe80::1%eth0\n'];

describe('why a container cannot look up names', () => {
  it.each(faulty)('is that it asks itself or nobody: %j', (text) => {
    expect(faultOf(text)).toMatch(/^its resolv\.conf names (?:no server|only itself)/);
  });

  it.each(sound)('is somebody else’s business: %j', (text) => {
    expect(faultOf(text)).toBeUndefined();
  });
});
