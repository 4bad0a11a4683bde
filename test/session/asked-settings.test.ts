import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import type { Io } from '../../src/cli/io.ts';
import { askForSession } from '../../src/cli/session-request.ts';
import { readSettingsFiles, type SettingsChoice } from '../../src/cli/settings-files.ts';
import { coi, openPeer, type Peer } from '../cli/peer.ts';

let peer: Peer;
let etc: string;
let here: string;

beforeEach(async () => {
  // What is asked for is all that is looked at: nothing is opened.
  peer = await openPeer({
    openSession: () => Promise.reject(new Problem({ code: 'session.none', message: 'Not opened' })),
  });
  etc = peer.directory;
  here = await mkdtemp(join(tmpdir(), 'coi-asked-'));
});
afterEach(async () => {
  await peer[Symbol.asyncDispose]();
  await rm(here, { recursive: true });
});

async function write(path: string, ...lines: string[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `${lines.join('\n')}\n`);
}

const settings = (...lines: string[]) => write(join(etc, 'config.toml'), ...lines);
const typedOf = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) =>
  coi(['shell', '--background', ...argv], { cwd: here, env: { ...peer.env, ...env } });

/** The variables that a command asks the controller for. */
async function variables(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
  await asked(argv, env);
  return (peer.asked.at(-1)![1] as { readonly environment: unknown }).environment;
}

/** The sandbox that a command asks the controller for, as its manifest says it. */
async function asked(argv: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Record<string, unknown>> {
  const { stderr } = await typedOf(argv, env);
  expect(stderr).toBe('coi: Not opened\n');
  const [, request] = peer.asked.at(-1)!;
  const { sandbox } = parse((request as { readonly manifest: string }).manifest);
  const [only] = Object.values(sandbox as Record<string, Record<string, unknown>>);
  return only!;
}

describe('what a session is asked for', () => {
  it('is what the highest layer says that says anything', async () => {
    const count = (value: number) => ['[limits.cpu]', `count = "${value}"`];
    await write(join(here, 'named.toml'), ...count(5), '[profiles.p.limits.cpu]', 'count = "3"');
    await write(join(here, '.coi.toml'), ...count(6));
    await settings(...count(7));
    const env = { COI_LIMIT_CPU: '4', COI_CONFIG: 'named.toml' };
    const cpu = async (...given: Parameters<typeof asked>) => (await asked(...given))['limits'];
    expect(await cpu(['--profile', 'p', '--limit-cpu', '2'], env)).toEqual({ cpu: { count: '2' } });
    expect(await cpu(['--profile', 'p'], env)).toEqual({ cpu: { count: '3' } });
    expect(await cpu([], env)).toEqual({ cpu: { count: '4' } });
    expect(await cpu([], { COI_CONFIG: 'named.toml' })).toEqual({ cpu: { count: '5' } });
    expect(await cpu()).toEqual({ cpu: { count: '6' } });
    await rm(join(here, '.coi.toml'));
    expect(await cpu()).toEqual({ cpu: { count: '7' } });
    await rm(join(etc, 'config.toml'));
    expect(await cpu()).toEqual({});
  });

  it("comes from files in their order: the host's, the user's, the project's, the one that COI_CONFIG names", async () => {
    const user = join(etc, '.config/coi/config.toml');
    const named = join(here, 'named.toml');
    const project = { file: join(here, '.coi.toml'), text: '' };
    for (const file of [join(etc, 'config.toml'), user, named]) await write(file);
    const order = async (choice: SettingsChoice, env: NodeJS.ProcessEnv = {}) => {
      const io = { env: { ...peer.env, COI_CONFIG: named, ...env }, cwd: '/' };
      const { files } = await readSettingsFiles(io, { project: [project], ...choice });
      return files.map(({ file }) => file);
    };
    const all = [join(etc, 'config.toml'), user, project.file, named];
    const others = all.filter((file) => file !== user);
    for (const scope of ['command', 'session'] as const) expect(await order({ scope, isRoot: false })).toEqual(all);
    expect(await order({ scope: 'host', isRoot: false })).toEqual(others);
    for (const scope of ['host', 'command'] as const) expect(await order({ scope, isRoot: true })).toEqual(others);
    expect(await order({ scope: 'session', isRoot: true })).toEqual(all);
    expect(await order({ scope: 'session', isRoot: true }, { SUDO_UID: '1000' })).toEqual(others);
  });

  it("has root's own settings, and with sudo nobody's", async () => {
    await write(join(etc, '.config/coi/config.toml'), '[limits.cpu]', 'count = "2"');
    expect((await asked())['limits']).toEqual({ cpu: { count: '2' } });
    expect((await asked([], { SUDO_UID: '0' }))['limits']).toEqual({});
  });

  it('goes on without the file that COI_CONFIG names where there is none, and says so', async () => {
    const { stderr } = await typedOf([], { COI_CONFIG: 'gone.toml' });
    expect(stderr).toBe(
      `coi: warning: COI_CONFIG names "${here}/gone.toml", which is not there\n` +
        '  Correct the variable or unset it\ncoi: Not opened\n',
    );
  });

  it('is nothing where a file cannot be read as TOML, which is named with its line', async () => {
    const named = join(here, 'named.toml');
    for (const file of [join(etc, 'config.toml'), join(here, '.coi.toml'), named]) {
      await write(file, '[defaults]', 'image = "x');
      const { code, stdout, stderr } = await typedOf([], file === named ? { COI_CONFIG: named } : {});
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toContain(`coi: ${file}:2:`);
      await rm(file);
    }
    expect(peer.asked).toEqual([]);
  });

  it('keeps switches of lower files that higher ones do not speak of', async () => {
    await settings(
      'defaults.persistent = true',
      '[network]',
      'block_private_networks = true',
      'allow_local_network_access = false',
    );
    await write(join(here, '.coi.toml'), '[network]', 'mode = "restricted"', '[defaults]', 'image = "other"');
    const sandbox = await asked();
    expect(sandbox).toMatchObject({ image: 'other', persistent: true, network: { mode: 'restricted' } });
    expect(sandbox['network']).not.toHaveProperty('allow_local_network_access');
    await settings('[network]', 'block_private_networks = false');
    await rm(join(here, '.coi.toml'));
    await write(join(here, 'named.toml'), '[network]', 'mode = "restricted"');
    expect(await asked([], { COI_CONFIG: 'named.toml' })).toMatchObject({
      network: { allow_local_network_access: true },
    });
  });

  it('has the mounts of all files, and that of the command line where it has the same path inside', async () => {
    await settings('[[mounts.default]]', 'host = "~/a"', 'container = "/a"');
    await write(join(here, 'named.toml'), '[[mounts.default]]', 'host = "~/b"', 'container = "/b"');
    const env = { COI_CONFIG: 'named.toml' };
    const [a, own] = [{ host: join(etc, 'a') }, { host: join(etc, 'own') }];
    expect(await asked([], env)).toMatchObject({ mounts: { '/a': a, '/b': { host: join(etc, 'b') } } });
    const mounts = ['--mount', '~/own:/b', '--mount', `${etc}/made/c:/c`];
    expect((await asked(mounts, env))['mounts']).toEqual({ '/a': a, '/b': own, '/c': { host: join(etc, 'made/c') } });
    expect((await stat(own.host)).isDirectory()).toBe(true);
  });

  it('has the directories made that settings mount, as they are without links, once nothing is refused', async () => {
    await mkdir(join(etc, 'real'));
    await symlink(join(etc, 'real'), join(etc, 'link'));
    await settings(
      '[[mounts.default]]',
      'host = "~/new/cache"',
      'container = "/cache"',
      'readonly = true',
      '[[mounts.default]]',
      'host = "~/link/below"',
      'container = "/below"',
    );
    await write(join(here, '.coi.toml'), '[network]', 'mode = "open"');
    expect((await typedOf(['--mount', '~/own:/own'])).stderr).toContain('A project may not set network.mode');
    expect(await readdir(etc)).not.toContain('new');
    expect(await readdir(etc)).not.toContain('own');
    await rm(join(here, '.coi.toml'));
    expect((await asked())['mounts']).toEqual({
      '/below': { host: join(etc, 'real/below') },
      '/cache': { host: join(etc, 'new/cache'), readonly: true },
    });
    expect((await stat(join(etc, 'new/cache'))).isDirectory()).toBe(true);
    expect(await readdir(join(etc, 'real'))).toEqual(['below']);
    await settings('[[mounts.default]]', 'host = "/dev/null/x"', 'container = "/x"');
    expect((await typedOf([])).stderr).toMatch(/^coi: Cannot mount "\/dev\/null\/x": /);
  });

  it("has no directory of the user's that a link of the project leads to, unless that is trusted", async () => {
    await mkdir(join(etc, 'keys'));
    await symlink(join(etc, 'keys'), join(here, 'link'));
    const mounting = (host: string) =>
      write(join(here, '.coi.toml'), '[[mounts.default]]', `host = "${host}"`, 'container = "/x"', 'readonly = true');
    await mounting(join(here, 'own/data'));
    expect((await asked())['mounts']).toEqual({ '/x': { host: join(here, 'own/data'), readonly: true } });
    for (const host of ['link', 'link/below']) {
      await mounting(join(here, host));
      const { stderr } = await typedOf([]);
      expect(stderr).toContain(`A project may not set mounts.default by itself: it shows ${etc}/keys`);
    }
    expect(await readdir(join(etc, 'keys'))).toEqual([]);
    const { stdout } = await coi(['trust'], { cwd: here, env: peer.env });
    expect(stdout).toContain(`mounts.default: it shows ${etc}/keys/below`);
    expect((await asked())['mounts']).toEqual({ '/x': { host: join(etc, 'keys/below'), readonly: true } });
  });

  it('is what variables say about image, persistence and limits', async () => {
    const env = {
      CLAUDE_ON_INCUS_IMAGE: 'mine',
      CLAUDE_ON_INCUS_PERSISTENT: 'true',
      COI_LIMIT_CPU: '2',
      COI_LIMIT_CPU_ALLOWANCE: '50%',
      COI_LIMIT_MEMORY: '1GiB',
      COI_LIMIT_MEMORY_SWAP: 'false',
      COI_LIMIT_DISK_READ: '10MiB/s',
      COI_LIMIT_DISK_WRITE: '1000iops',
      COI_LIMIT_DURATION: '1h30m',
    };
    expect(await asked([], env)).toMatchObject({
      image: 'mine',
      persistent: true,
      limits: {
        cpu: { count: '2', allowance: '50%' },
        memory: { limit: '1GiB', swap: 'false' },
        disk: { read: '10MiB', write: '1000iops' },
        runtime: { max_duration: '5400000ms' },
      },
    });
  });

  it('has the directories made that settings and variables name', async () => {
    await settings(
      '[paths]',
      'sessions_dir = "~/a/sessions"',
      'storage_dir = "~/a/storage"',
      `logs_dir = "${etc}/a/logs"`,
    );
    await asked([], { CLAUDE_ON_INCUS_STORAGE_DIR: join(etc, 'mine') });
    expect((await readdir(join(etc, 'a'))).toSorted()).toEqual(['logs', 'sessions']);
    expect((await stat(join(etc, 'mine'))).isDirectory()).toBe(true);
    await asked([], { CLAUDE_ON_INCUS_SESSIONS_DIR: '~/b' });
    expect((await readdir(join(etc, 'a'))).toSorted()).toEqual(['logs', 'sessions', 'storage']);
    const refused = await typedOf([], { CLAUDE_ON_INCUS_SESSIONS_DIR: '/dev/null/x' });
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/Cannot make "\/dev\/null\/x"/) });
    await write(join(here, '.coi.toml'), '[paths]', `logs_dir = "${etc}/evil"`);
    expect((await typedOf([])).stderr).toContain('A project may not set paths.logs_dir by itself');
    expect(await readdir(etc)).not.toContain('evil');
  });

  it('is what the sections defaults, tool and incus say', async () => {
    await settings(
      '[defaults]',
      'image = "mine"',
      'persistent = true',
      'model = "opus"',
      'mount_claude_config = false',
      '[tool]',
      'name = "claude"',
      'binary = "/opt/claude"',
      'permission_mode = "interactive"',
      'claude.effort_level = "high"',
      '[incus]',
      'claude_uid = 1234',
      'code_user = "dev"',
      'disable_shift = true',
      '[paths]',
      'preserve_workspace_path = true',
    );
    expect(await asked()).toMatchObject({
      image: 'mine',
      persistent: true,
      tool: {
        name: 'claude',
        binary: '/opt/claude',
        permission_mode: 'interactive',
        claude: { effort_level: 'high', model: 'opus' },
        host_files: false,
      },
      incus: { code_uid: 1234, code_user: 'dev', disable_shift: true },
      paths: { preserve_workspace_path: true },
    });
  });

  it('is what a profile says about image, persistence, tool, limits and network, over the limits of the settings', async () => {
    await settings(
      '[limits.cpu]',
      'count = "7"',
      'priority = 3',
      '[profiles.p]',
      'image = "mine"',
      'persistent = true',
      'tool.name = "codex"',
      'limits.cpu.count = "2"',
      'network = { mode = "allowlist", allowed_domains = ["example.com"] }',
    );
    expect(await asked(['--profile', 'p'])).toMatchObject({
      image: 'mine',
      persistent: true,
      tool: { name: 'codex' },
      limits: { cpu: { count: '2', priority: 3 } },
      network: { mode: 'allowlist', allowed_domains: ['example.com'] },
    });
  });

  it('has the variables of the profile, below those that are typed, and no manifest holds them', async () => {
    const environment = ['[profiles.p.environment]', `TOKEN = "a'b $HOME"`, 'TERM = "dumb"', 'LANG = "C"'];
    await settings(...environment);
    const env = { TERM: 'xterm', SECRET: 'of the host' };
    expect(await variables([], env)).toEqual({ TERM: 'xterm' });
    expect(await variables(['--profile', 'p'], env)).toEqual({ TOKEN: "a'b $HOME", TERM: 'dumb', LANG: 'C' });
    const typed = ['--profile', 'p', '-e', 'LANG=C.UTF-8', '-e', 'MORE=1,2'];
    expect(await variables(typed)).toEqual({ TOKEN: "a'b $HOME", TERM: 'dumb', LANG: 'C.UTF-8', MORE: '1,2' });
    expect(JSON.stringify(await asked(['--profile', 'p']))).not.toContain('$HOME');

    const io = { env: peer.env, cwd: here } as unknown as Io;
    const { request, environment: forRun } = await askForSession(
      io,
      { profile: 'p' },
      { adjust: (sandbox) => sandbox },
    );
    expect(forRun).toMatchObject({ LANG: 'C' });
    expect(request).not.toHaveProperty('environment');

    await rm(join(etc, 'config.toml'));
    await write(join(here, '.coi.toml'), ...environment);
    const refused = await typedOf(['--profile', 'p']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('.coi.toml:2:1: A project may not set') });
  });

  it("is not what a profile says that only the project's file has, unless it takes less", async () => {
    await write(join(here, '.coi.toml'), '[profiles.dev.network]', 'mode = "open"', '[profiles.less]', 'image = "x"');
    const refused = await typedOf(['--profile', 'dev']);
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('.coi.toml:2:1: A project may not set profiles.dev.network.mode by itself'),
    });
    expect(peer.asked).toEqual([]);
    expect(await asked(['--profile', 'less'])).toMatchObject({ image: 'x', network: { mode: 'restricted' } });

    await settings('[limits.memory]', 'limit = "2GiB"');
    await write(join(here, '.coi.toml'), '[profiles.dev.limits.memory]', 'limit = "64GiB"');
    const { stderr } = await typedOf(['--profile', 'dev']);
    expect(stderr).toContain('A project may not set profiles.dev.limits.memory.limit by itself');

    await coi(['trust'], { cwd: here, env: peer.env });
    expect(await asked(['--profile', 'dev'])).toMatchObject({ limits: { memory: { limit: '64GiB' } } });
  });

  it('is all that has an effect: of the rest each command says once that it has none', async () => {
    await settings(
      '[controller]',
      `run_dir = "${etc}"`,
      '[monitoring]',
      'watches = true',
      '[limits.cpu]',
      'count = "2"',
    );
    const { COI_RUN_DIR: _directory, ...env } = peer.env;
    const { stderr } = await coi(['shell', '--background'], { cwd: here, env });
    expect(stderr.match(/coi: warning: .*config\.toml:4:1: monitoring\.watches[^\n]*/g)).toHaveLength(1);
    expect(stderr).toMatch(/\ncoi: Not opened\n$/);
    expect((peer.asked.at(-1)![1] as { readonly manifest: string }).manifest).toContain('count = "2"');
  });
});
