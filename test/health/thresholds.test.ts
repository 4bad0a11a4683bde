import { describe, expect, it } from 'vitest';
import { judgeAuditLog } from '../../src/health/checks/audit-log-directory.ts';
import { judgeDiskSpace } from '../../src/health/checks/disk-space.ts';
import { judgeAge } from '../../src/health/checks/image-age.ts';
import { judgeOrphans } from '../../src/health/checks/orphans.ts';
import { judgeStoragePool } from '../../src/health/checks/storage-pool.ts';
import { isOlder, versionIn } from '../../src/health/version.ts';

const gib = 2 ** 30;

describe('free space for what is saved', () => {
  it.each([
    { bytes: 5e9, status: 'ok' },
    { bytes: 5e9 - 1, status: 'warning' },
    { bytes: 0, status: 'warning' },
  ])('of $bytes bytes is $status', ({ bytes, status }) => {
    expect(judgeDiskSpace(bytes, '/home/user/.coi').status).toBe(status);
  });

  it('names the directory, and what is too little', () => {
    const { message, fix } = judgeDiskSpace(4 * gib, '/home/user/.coi');
    expect(message).toBe('Only 4.0 GiB are free for /home/user/.coi, less than 5 GB: sessions may fail to be saved');
    expect(fix).toContain('coi clean --sessions');
  });
});

describe('a storage pool', () => {
  it.each([
    { what: '20 % free, and 5 GiB', total: 25 * gib, free: 5 * gib, status: 'ok' },
    { what: 'a byte less than 5 GiB free', total: 20 * gib, free: 5 * gib - 1, status: 'warning' },
    { what: '80 % full', total: 1_000 * gib, free: 200 * gib, status: 'ok' },
    { what: 'a byte over 80 % full', total: 1_000 * gib, free: 200 * gib - 1, status: 'warning' },
    { what: '2 GiB free', total: 10 * gib, free: 2 * gib, status: 'warning' },
    { what: 'a byte less than 2 GiB free', total: 10 * gib, free: 2 * gib - 1, status: 'failed' },
    { what: '90 % full', total: 1_000 * gib, free: 100 * gib, status: 'warning' },
    { what: 'a byte over 90 % full', total: 1_000 * gib, free: 100 * gib - 1, status: 'failed' },
    { what: 'of a size that nobody knows', total: 0, free: 0, status: 'warning' },
  ])('$what is $status', ({ total, free, status }) => {
    expect(judgeStoragePool({ totalBytes: total, usedBytes: total - free }, 'coi').status).toBe(status);
  });

  it('is described with both figures, neither better than it is', () => {
    const { message } = judgeStoragePool({ totalBytes: 100 * gib, usedBytes: 80.05 * gib }, 'coi');
    expect(message).toBe('The storage pool "coi" has 19.9 GiB free and is 81 % full');
  });
});

describe('the age of an image', () => {
  const now = Date.parse('2026-03-31T00:00:00Z');
  const judge = (createdAt: string, uploadedAt = '') => judgeAge({ createdAt, uploadedAt }, 'coi', now);

  it.each([
    { what: 'of 30 days', created: '2026-03-01T00:00:00Z', status: 'ok' },
    { what: 'of more than 30 days', created: '2026-02-28T23:59:59.999Z', status: 'warning' },
    { what: 'of tomorrow', created: '2026-04-01T00:00:00Z', status: 'ok' },
    { what: 'that nobody knows', created: '', status: 'warning' },
  ])('$what is $status', ({ created, status }) => {
    expect(judge(created).status).toBe(status);
  });

  it('is that of what is in it, however late it came here', () => {
    expect(judge('2026-01-01T00:00:00Z', '2026-03-30T00:00:00Z').message).toContain('is 89d old');
  });

  it('counts from when it came here where its maker means no time', () => {
    expect(judge('1970-01-01T00:00:01Z', '2026-03-30T00:00:00Z')).toEqual({
      status: 'ok',
      message: 'The image "coi" is 1d old',
    });
    expect(judge('0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z').status).toBe('warning');
  });
});

describe('leftovers', () => {
  const link = (what: string) => ({ id: `link/${what}`, kind: 'link', what, why: 'nobody has it' }) as const;
  const rule = { ...link('accept'), kind: 'firewalld-rule', shared: true } as const;
  const problem = { code: 'x.y', message: 'firewalld does not answer' } as const;

  it('are none', () => {
    expect(judgeOrphans({ orphans: [], problems: [] })).toMatchObject({ status: 'ok', details: { count: 0 } });
  });

  it('are worth a warning from the first one, with what removes them', () => {
    expect(judgeOrphans({ orphans: [link('coi3')], problems: [] })).toEqual({
      status: 'warning',
      message: "Left over, and nobody's (1): link coi3",
      fix: ['sudo coi clean --orphans --dry-run', 'sudo coi clean --orphans'],
      details: { count: 1, shared: 0 },
    });
  });

  it('are named up to a number', () => {
    const { message } = judgeOrphans({ orphans: [1, 2, 3, 4, 5, 6, 7].map((n) => link(`coi${n}`)), problems: [] });
    expect(message).toMatch(/coi5, and 2 more$/);
  });

  it('are none of ours where others may rely on them', () => {
    expect(judgeOrphans({ orphans: [rule], problems: [] })).toMatchObject({ status: 'ok', details: { shared: 1 } });
  });

  it('are unknown where something could not be looked at, unless some were found', () => {
    expect(judgeOrphans({ orphans: [], problems: [problem] }).status).toBe('unknown');
    expect(judgeOrphans({ orphans: [link('coi3')], problems: [problem] }).status).toBe('warning');
  });
});

describe('the directory of the audit log', () => {
  it.each([
    { state: 'writable', isControllerUp: true, status: 'ok' },
    { state: 'absent', isControllerUp: false, status: 'ok' },
    { state: 'absent', isControllerUp: true, status: 'warning' },
    { state: 'not-writable', isControllerUp: true, status: 'failed' },
    { state: 'no-directory', isControllerUp: false, status: 'failed' },
  ] as const)(
    'that is $state with the controller running: $isControllerUp is $status',
    ({ state, status, ...rest }) => {
      expect(judgeAuditLog(state, { path: '/var/lib/coi/audit', ...rest }).status).toBe(status);
    },
  );
});

describe('versions', () => {
  it.each([
    { text: 'nftables v1.0.6 (Lester Gooch #5)', numbers: [1, 0, 6] },
    { text: '6.18.44-fc-v669', numbers: [6, 18, 44] },
    { text: 'six', numbers: undefined },
  ])('are found in $text', ({ text, numbers }) => {
    expect(versionIn(text)).toEqual(numbers);
  });

  it.each([
    { version: [5, 15], than: [5, 15], is: false },
    { version: [5, 14, 99], than: [5, 15], is: true },
    { version: [5, 15, 1], than: [5, 15], is: false },
    { version: [6], than: [5, 15], is: false },
    { version: [5], than: [5, 15], is: true },
    { version: [1, 10], than: [1, 9], is: false },
  ])('$version before $than: $is', ({ version, than, is }) => {
    expect(isOlder(version, than)).toBe(is);
  });
});
