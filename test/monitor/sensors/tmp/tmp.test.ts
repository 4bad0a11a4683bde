import { describe, expect, it } from 'vitest';
import { typeAt } from '../../../../src/host/process/mount-of.ts';
import { Fullness } from '../../../../src/monitor/sensors/tmp/fullness.ts';

describe('what is mounted at a path', () => {
  const table = [
    '1 0 0:1 / / rw - btrfs /dev/loop0 rw',
    '2 1 0:2 / /tmp rw,nosuid shared:3 master:1 - tmpfs none rw,size=8k',
    '3 1 0:3 / /tmp/below rw - fuse.evil evil rw',
    '',
  ];

  it('is the topmost there, and nothing beside it', () => {
    expect(typeAt(table.join('\n'), '/tmp')).toBe('tmpfs');
    expect(typeAt([...table, '4 2 0:4 / /tmp rw - fuse.evil evil rw'].join('\n'), '/tmp')).toBe('fuse.evil');
    expect(typeAt(table.join('\n'), '/var')).toBeUndefined();
    expect(typeAt('/tmp\n - tmpfs \n1 2 3 4 /tmp', '/tmp')).toBeUndefined();
  });
});

describe('a directory', () => {
  it('is news when it becomes full and when it fills further, and again after it was free', () => {
    const fullness = new Fullness();
    const told = [10, 79, 80, 81, 84, 85, 99, 81, 76, 82, 74, 79, 80].filter((percent) => fullness.isNews(percent));
    expect(told).toEqual([80, 85, 99, 80]);
  });
});
