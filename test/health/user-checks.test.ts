import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import type { HealthCheck } from '../../src/health/check.ts';
import { auditLogDirectoryCheck } from '../../src/health/checks/audit-log-directory.ts';
import { coiDirectoryCheck } from '../../src/health/checks/coi-directory.ts';
import { configCheck } from '../../src/health/checks/config.ts';
import { diskSpaceCheck } from '../../src/health/checks/disk-space.ts';
import { networkModeCheck } from '../../src/health/checks/network-mode.ts';
import { orphansCheck } from '../../src/health/checks/orphans.ts';
import { savedSessionsCheck } from '../../src/health/checks/saved-sessions.ts';
import { sessionsDirectoryCheck } from '../../src/health/checks/sessions-directory.ts';
import { toolCheck } from '../../src/health/checks/tool.ts';
import { runChecks } from '../../src/health/run-checks.ts';
import { sightOf } from './sight.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'coi-health-'));
});
afterEach(() => rm(home, { recursive: true }));

const uid = process.geteuid?.() ?? 0;
/** The user who runs the tests. */
const own = () => ({ uid, gid: process.getegid?.() ?? 0, home });
/** Somebody whose rights only the mode tells: nobody has these numbers. */
const other = () => ({ uid: 60_123, gid: 60_123, home });

async function find(check: HealthCheck, part: Parameters<typeof sightOf>[0] = {}) {
  return (await runChecks([check], sightOf({ caller: own(), ...part }), 0)).checks[check.name]!;
}

describe('the directory of coi', () => {
  const coi = () => join(home, '.coi');

  it('may be missing, and is fine when it is there', async () => {
    expect((await find(coiDirectoryCheck)).status).toBe('ok');
    await mkdir(coi());
    expect(await find(coiDirectoryCheck)).toMatchObject({ status: 'ok', message: `${coi()} is writable` });
  });

  it('that could not be made is worth a warning', async () => {
    expect(await find(coiDirectoryCheck, { caller: { ...own(), home: join(home, 'gone') } })).toMatchObject({
      status: 'warning',
      fix: [expect.stringMatching(/^sudo install -d .*gone\/\.coi$/)],
    });
  });

  it('fails where it is a file or a link', async () => {
    await writeFile(coi(), '');
    expect((await find(coiDirectoryCheck)).status).toBe('failed');
    await rm(coi());
    await symlink(home, coi());
    const { status, fix } = await find(coiDirectoryCheck);
    expect({ status, fix }).toEqual({ status: 'failed', fix: [`mv ${coi()} ${coi()}.old`, expect.any(String)] });
  });

  it('fails where its user may not write to it, though root asks', async () => {
    await mkdir(coi());
    await chmod(coi(), 0o755);
    expect(await find(coiDirectoryCheck, { caller: other() })).toMatchObject({
      status: 'failed',
      message: `User 60123 may not write to ${coi()}`,
    });
    await chmod(coi(), 0o777);
    expect((await find(coiDirectoryCheck, { caller: other() })).status).toBe('ok');
  });

  it('is unknown for a user without a home', async () => {
    const caller = { ...own(), home: undefined };
    for (const check of [coiDirectoryCheck, sessionsDirectoryCheck, savedSessionsCheck]) {
      expect((await find(check, { caller })).status).toBe('unknown');
    }
  });
});

describe('the directory of sessions', () => {
  it('is that of the agent, may be missing, and must be a directory', async () => {
    const path = join(home, '.coi', 'sessions-codex');
    const settings = '[tool]\nname = "codex"\n';
    await mkdir(join(home, '.coi'));
    expect((await find(sessionsDirectoryCheck, { settings })).message).toContain(`${path} is made`);
    await writeFile(path, '');
    expect((await find(sessionsDirectoryCheck, { settings })).status).toBe('failed');
    expect((await find(sessionsDirectoryCheck)).status).toBe('ok');
  });
});

describe('disk_space', () => {
  it('is that of the nearest directory', async () => {
    const caller = { ...own(), home: join(home, 'not', 'yet') };
    const { details, message } = await find(diskSpaceCheck, { caller });
    expect(details!['free_bytes']).toBeGreaterThan(0);
    expect(message).toContain(join(caller.home, '.coi'));
  });
});

describe('config', () => {
  const problem = new Problem({
    code: 'spec.type',
    message: 'memory must be a text',
    position: { file: '/etc/coi/config.toml', line: 3, column: 1 },
    hint: 'Write "4GiB".',
  });
  const seen = { ...sightOf().seen, problems: [problem] };

  it('names the file that counts most', async () => {
    const files = ['/etc/coi/config.toml', '/home/user/.config/coi/config.toml'];
    expect(await find(configCheck, { seen: { ...sightOf().seen, files } })).toMatchObject({
      status: 'ok',
      message: 'The highest settings file is /home/user/.config/coi/config.toml',
    });
    expect((await find(configCheck, { seen: { ...sightOf().seen, files: [] } })).message).toContain('built-in');
  });

  it('fails with file and line, and the mode is unknown then', async () => {
    expect(await find(configCheck, { seen })).toMatchObject({
      status: 'failed',
      message: 'Settings cannot be used: /etc/coi/config.toml:3:1: memory must be a text',
      fix: ['# Write "4GiB".'],
    });
    expect((await find(networkModeCheck, { seen })).status).toBe('unknown');
  });

  it('is unknown to whoever may not read it, and fails for root', async () => {
    const cause = Object.assign(new Error('EACCES'), { code: 'EACCES' });
    const refused = new Problem({ code: 'cli.unreadable', message: 'Cannot read it', cause });
    const part = { seen: { ...seen, problems: [refused] } };
    expect((await find(configCheck, part)).status).toBe('unknown');
    expect((await find(configCheck, { ...part, isRoot: true })).status).toBe('failed');
  });

  it('warns of keys that mean nothing', async () => {
    const settings = '[network]\nmod = "open"\n';
    expect(await find(configCheck, { settings })).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('/etc/coi/config.toml:2'),
    });
  });
});

describe('what settings say', () => {
  it.each([
    { settings: '', mode: 'restricted' },
    { settings: '[network]\nmode = "open"\n', mode: 'open' },
  ])('of the network: $mode', async ({ settings, mode }) => {
    expect(await find(networkModeCheck, { settings })).toMatchObject({ status: 'ok', details: { mode } });
  });

  it('of the agent', async () => {
    expect(await find(toolCheck)).toMatchObject({ status: 'ok', details: { tool: 'claude' } });
    expect((await find(toolCheck, { settings: '[tool]\ncommand = ["bash", "-l"]\n' })).message).toContain('bash -l');
    const { seen } = sightOf();
    const layer = { tool: { name: 'cursor' as 'claude' } };
    const odd = { ...seen, settings: { ...seen.settings, layer } };
    expect(await find(toolCheck, { seen: odd })).toMatchObject({
      status: 'warning',
      fix: [expect.stringContaining('claude, opencode, aider, codex, gemini')],
    });
  });
});

describe('saved sessions', () => {
  it('are counted for the agent', async () => {
    const savedSessions = async (tool: string) => (tool === 'claude' ? 3 : 0);
    expect(await find(savedSessionsCheck, { savedSessions })).toMatchObject({ status: 'ok', details: { count: 3 } });
  });

  it('that cannot be read are worth a warning', async () => {
    const savedSessions = () =>
      Promise.reject(new Problem({ code: 'session.link', message: 'a link', hint: 'Remove it.' }));
    expect(await find(savedSessionsCheck, { savedSessions })).toMatchObject({
      status: 'warning',
      fix: ['# Remove it.'],
    });
  });
});

describe('what the controller knows', () => {
  it('of leftovers is unknown without one, and a warning when it cannot look', async () => {
    expect(await find(orphansCheck)).toMatchObject({
      status: 'unknown',
      message: expect.stringContaining('coi clean --orphans --dry-run'),
    });
    const orphans = () => Promise.reject(new Problem({ code: 'cli.client', message: 'no answer' }));
    expect((await find(orphansCheck, { orphans })).status).toBe('warning');
  });

  it('of the audit log is for root', async () => {
    await mkdir(join(home, 'audit'));
    const settings = `[controller]\nstate_dir = "${home}"\n`;
    expect((await find(auditLogDirectoryCheck, { settings })).status).toBe('unknown');
    expect(await find(auditLogDirectoryCheck, { settings, isRoot: true })).toMatchObject({
      status: 'ok',
      message: `${home}/audit is writable`,
    });
  });
});
