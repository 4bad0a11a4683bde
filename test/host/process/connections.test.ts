import { describe, expect, it } from 'vitest';
import { parseConnections } from '../../../src/host/process/connections.ts';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';

describe('a table of sockets', () => {
  it('is read as the kernel writes it', () => {
    const rows = [
      head,
      '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0',
      '   1: 05005A0A:C001 FEA9FEA9:0050 01 00000000:00000000 00:00000000 00000000 1000000        0 12346 1',
      'nonsense \u001b[31m',
    ];
    expect(parseConnections('tcp', rows.join('\n'))).toEqual([
      {
        protocol: 'tcp',
        localAddress: '127.0.0.1',
        localPort: 8080,
        remoteAddress: '0.0.0.0',
        remotePort: 0,
        state: 'LISTEN',
        uid: 1000,
      },
      expect.objectContaining({
        localAddress: '10.90.0.5',
        remoteAddress: '169.254.169.254',
        remotePort: 80,
        state: 'ESTABLISHED',
        uid: 1_000_000,
      }),
    ]);
  });

  it.each([
    { hex: '00000000000000000000000000000000', text: '::' },
    { hex: '00000000000000000000000001000000', text: '::1' },
    { hex: 'B80D0120000000000000000001000000', text: '2001:db8::1' },
    { hex: '0000000000000000FFFF0000030200C0', text: '192.0.2.3' },
    { hex: 'B80D0120000001000000000002000300', text: '2001:db8:1::3:2' },
  ])('has addresses of version 6: $text', ({ hex, text }) => {
    const line = `   0: ${hex}:0016 ${hex}:0000 07 00000000:00000000 00:00000000 00000000     0        0 1 2`;
    const [found] = parseConnections('udp6', line);
    expect(found).toMatchObject({ localAddress: text, state: 'UNCONN' });
  });
});
