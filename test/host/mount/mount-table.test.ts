import { describe, expect, it } from 'vitest';
import { parseMountTable } from '../../../src/host/mount/mount-table.ts';

describe('the list of mounts', () => {
  it('has spaces, optional fields and several mounts at one point', () => {
    const table = parseMountTable(
      [
        '36 35 98:0 /mnt1 /a\\040b rw,noatime master:1 shared:2 - ext4 /dev/root rw,errors=continue',
        '37 36 0:5 / /a\\040b ro - tmpfs none rw',
        '38 36 0:6 /w/\\134x\\011 /c rw - virtiofs none rw',
        '',
      ].join('\n'),
    );
    expect(Object.fromEntries(table)).toEqual({
      '/a b': { root: '/', point: '/a b', device: '0:5', readonly: true, type: 'tmpfs' },
      '/c': { root: '/w/\\x\t', point: '/c', device: '0:6', readonly: false, type: 'virtiofs' },
    });
  });
});
