import { chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { judgeCgroups } from '../../src/health/checks/cgroups.ts';
import { judgeNames } from '../../src/health/checks/dns.ts';
import { judgeDirectory, judgeSpace } from '../../src/health/checks/home.ts';
import { judgeImageAge } from '../../src/health/checks/image.ts';
import { describeSystem } from '../../src/health/checks/os.ts';
import { judgeGroup } from '../../src/health/checks/permissions.ts';
import { configCheck } from '../../src/health/checks/settings.ts';
import { judgeOrphans } from '../../src/health/checks/status.ts';
import { judgeStoragePool } from '../../src/health/checks/storage-pool.ts';
import type { HealthSettings, Sight } from '../../src/health/sight.ts';

const gibibyte = 2 ** 30;
const day = 86_400_000;

describe('limits of what is well', () => {
  it.each([
    { days: 0, status: 'ok' },
    { days: 30, status: 'ok' },
    { days: 30.001, status: 'warning' },
    { days: Number.NaN, status: 'warning' },
  ])('an image of $days days: $status', ({ days, status }) => {
    expect(judgeImageAge('coi', 100 * day - days * day, 100 * day).status).toBe(status);
  });

  it.each([
    { free: 5e9, status: 'ok' },
    { free: 5e9 - 1, status: 'warning' },
  ])('$free bytes free at home: $status', ({ free, status }) => {
    expect(judgeSpace('/home/ann', free).status).toBe(status);
  });

  it.each([
    { free: 5, total: 25, status: 'ok' },
    { free: 4.99, total: 24, status: 'warning' },
    { free: 19.9, total: 100, status: 'warning' },
    { free: 2, total: 5, status: 'warning' },
    { free: 1.99, total: 4, status: 'failed' },
    { free: 10, total: 100, status: 'warning' },
    { free: 9.9, total: 100, status: 'failed' },
    { free: 0, total: 0, status: 'failed' },
  ])('$free of $total GiB free in the storage pool: $status', ({ free, total, status }) => {
    const space = { usedBytes: (total - free) * gibibyte, totalBytes: total * gibibyte };
    expect(judgeStoragePool('coi', space)).toMatchObject({ status, message: expect.stringContaining('"coi"') });
  });
});

describe('what was left over', () => {
  const orphan = { id: 'link/coix', kind: 'link', what: 'coix', why: 'nobody has it' } as const;

  it('is a warning that names it, and the command that removes it', () => {
    expect(judgeOrphans({ orphans: [orphan], problems: [] })).toEqual({
      status: 'warning',
      message: '1 leftovers belong to nobody',
      fix: ['coi clean --orphans --dry-run', 'coi clean --orphans'],
      details: { orphans: ['link coix'] },
    });
  });

  it('is nothing where others may rely on it, and not known where it cannot be looked at', () => {
    expect(judgeOrphans({ orphans: [{ ...orphan, shared: true }], problems: [] }).status).toBe('ok');
    expect(judgeOrphans({ orphans: [], problems: [{ code: 'x.y', message: 'firewalld hangs' }] })).toMatchObject({
      status: 'unknown',
      message: expect.stringContaining('firewalld hangs'),
    });
  });
});

describe('control groups', () => {
  const line = (name: string, hierarchy: number, enabled = 1) => `${name}\t${hierarchy}\t5\t${enabled}`;
  const all = (hierarchy: number) => [
    '#subsys_name\thierarchy\tnum_cgroups\tenabled',
    ...['cpu', 'memory', 'pids', 'freezer'].map((name) => line(name, hierarchy)),
  ];

  it.each([
    { unified: 'cpuset cpu io memory pids\n', text: all(0), status: 'ok' },
    { unified: 'cpuset cpu io pids\n', text: all(0), status: 'failed' },
    { unified: undefined, text: all(3), status: 'ok' },
    { unified: undefined, text: all(0), status: 'failed' },
    { unified: undefined, text: [...all(3).slice(0, -1), line('freezer', 6, 0)], status: 'failed' },
  ])('of version 2 alone, or of both side by side: $status', ({ unified, text, status }) => {
    expect(judgeCgroups(unified, `${text.join('\n')}\n`).status).toBe(status);
  });
});

describe('who may use Incus', () => {
  const groups = 'root:x:0:\nincus-admin:x:990:ann\n';

  it.each([
    { group: 'incus-admin', own: [1000, 990], status: 'ok' },
    { group: 'incus-admin', own: [1000], status: 'failed', fix: 'usermod -aG incus-admin "$USER"' },
    { group: 'incus', own: [1000], status: 'failed', fix: 'groupadd --system incus' },
  ])('is who is in $group: $own', ({ group, own, status, fix }) => {
    const found = judgeGroup({ group, groups, own });
    expect(found.status).toBe(status);
    expect(found.fix?.[0]).toBe(fix);
  });
});

describe('what this host is', () => {
  it('has a name, and is said to be a machine of Lima, whose files belong to a Mac', () => {
    const release = 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n';
    expect(describeSystem(release, undefined)).toMatchObject({
      status: 'ok',
      message: expect.stringMatching(/^Debian GNU\/Linux 13 \(trixie\), kernel \S+, \w+$/),
    });
    const lima = 'this is a virtual machine of Lima or Colima (/run/lima-boot-done)';
    expect(describeSystem(release, lima).message).toContain(`; ${lima}: ids of files are left as they are`);
    expect(describeSystem('', undefined).message).toMatch(/^Linux, kernel /);
  });
});

describe('the directory of saved sessions', () => {
  const uid = 4321;
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'coi-home-'));
    chownSync(home, uid, uid);
  });
  afterEach(() => rmSync(home, { recursive: true }));
  const at = (path: string) => join(home, path);
  const judge = (path = '.coi') => judgeDirectory(at(path), { uid, gid: uid, home });

  it('may be there, or be made', async () => {
    expect(await judge('.coi/sessions-claude')).toMatchObject({
      status: 'ok',
      message: expect.stringContaining('is made'),
    });
    mkdirSync(at('.coi'));
    chownSync(at('.coi'), uid, uid);
    expect(await judge()).toMatchObject({ status: 'ok', message: `${at('.coi')} can be written` });
  });

  it('is a failure as a file, as a link, as somebody else’s, and without a home', async () => {
    writeFileSync(at('file'), '');
    symlinkSync('/tmp', at('link'));
    mkdirSync(at('roots'));
    for (const [path, why] of [
      ['file', 'no directory'],
      ['file/below', 'no directory'],
      ['link', 'a link'],
      ['roots', 'cannot be written by its user'],
    ] as const) {
      expect(await judge(path)).toMatchObject({ status: 'failed', message: expect.stringContaining(why) });
    }
    const nobody = { uid, gid: uid, home: '/nonexistent' };
    expect(await judgeDirectory('/nonexistent/.coi', nobody)).toMatchObject({ status: 'failed' });
  });
});

describe('settings', () => {
  const settings: HealthSettings = {
    image: 'coi',
    storagePool: 'coi',
    group: 'incus-admin',
    networkMode: 'restricted',
    files: ['/etc/coi/config.toml'],
  };
  const look = (changes: Partial<HealthSettings>) =>
    configCheck.look({ settings: { ...settings, ...changes } } as Sight);

  it('are the highest file, none, or a failure with its line', async () => {
    expect(await look({})).toEqual({ status: 'ok', message: 'Settings: /etc/coi/config.toml' });
    expect(await look({ files: [] })).toMatchObject({ status: 'ok', message: expect.stringContaining('built-in') });
    const position = { file: '/etc/coi/config.toml', line: 3, column: 1 };
    const problem = new Problem({ code: 'spec.value', message: 'image is 7', position });
    expect(await look({ problem })).toMatchObject({
      status: 'failed',
      message: 'The settings cannot be used: /etc/coi/config.toml:3:1: image is 7',
    });
  });
});

describe('names of hosts', () => {
  it('are looked up, each, and those without an address named', async () => {
    const resolve = (name: string) => (name === 'b' ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve(['::']));
    expect((await judgeNames(['a', 'c'], resolve)).status).toBe('ok');
    expect(await judgeNames(['a', 'b'], resolve)).toMatchObject({
      status: 'warning',
      message: '1 of 2 hosts of agents have no address: b',
    });
  });
});
