import { describe, expect, it } from 'vitest';
import { parseListeners } from '../../../src/host/neighbours/listeners.ts';
import { parseDevices } from '../../../src/host/neighbours/network-manager.ts';

describe('what ss prints', () => {
  it('is who listens where', () => {
    const text = [
      'udp   UNCONN 0      0       10.90.0.1%coibr0:53        0.0.0.0:*    users:(("dnsmasq",pid=7,fd=4))',
      'tcp   LISTEN 0      511     *:5380             *:*',
      'tcp   LISTEN 0      32         [fd42:90::1]:53           [::]:*    users:(("dnsmasq",pid=7,fd=9),("x",pid=8,fd=1))',
      '',
    ].join('\n');
    expect(parseListeners(text)).toEqual([
      { proto: 'udp', address: '10.90.0.1', port: 53, program: 'dnsmasq', pid: '7' },
      { proto: 'tcp', address: '*', port: 5380, program: undefined, pid: undefined },
      { proto: 'tcp', address: 'fd42:90::1', port: 53, program: 'dnsmasq', pid: '7' },
    ]);
  });
});

describe('what nmcli prints', () => {
  it('is a state for each link', () => {
    expect(parseDevices('coibr0:connected (externally)\neth0:connected\nveth:0:unmanaged\n')).toEqual([
      { name: 'coibr0', state: 'connected (externally)' },
      { name: 'eth0', state: 'connected' },
      { name: 'veth:0', state: 'unmanaged' },
    ]);
  });
});
