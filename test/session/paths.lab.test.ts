import { chown, mkdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Running } from '../lab/running.ts';
import { openDesk, type Desk } from './desk.ts';

let desk: Desk;

beforeAll(async () => {
  desk = await openDesk('paths');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

/** A workspace of the user with number 1000. */
async function project(name: string, ...directories: readonly string[]): Promise<string> {
  const path = await desk.workspace(name);
  for (const each of ['', ...directories]) {
    await mkdir(join(path, each), { recursive: true });
    await chown(join(path, each), 1000, 1000);
  }
  return path;
}

/** The workspace device of a session that runs until it is stopped. */
async function deviceOf(here: string): Promise<Readonly<Record<string, string>>> {
  const running: Running = desk.start(here, ['--', 'sh', '-c', 'echo up; sleep 60']);
  await running.printed(/up/, 60_000);
  const { devices } = await desk.controller.instance(desk.instance(here));
  await running.stop('SIGTERM');
  await desk.cleared();
  return devices['workspace'] ?? {};
}

describe('the workspace of a session', () => {
  it('is protected as in any sandbox, unless hooks are to be writable', async () => {
    const here = await project('protected', '.git/hooks', '.vscode');
    const write = [
      '--',
      'sh',
      '-c',
      'echo x >.git/hooks/pre-commit; echo x >.vscode/tasks.json; ls .git/hooks .vscode',
    ];
    const held = await desk.run(here, write);
    expect(held.stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(held.stdout).not.toMatch(/pre-commit|tasks/);
    const free = await desk.run(here, ['--writable-git-hooks', ...write]);
    expect(free).toMatchObject({ exitCode: 0, stderr: '' });
    expect(free.stdout).toContain('pre-commit');
    await desk.cleared();
  });

  it('is said to be unprotected where a path of it cannot be', async () => {
    const here = await project('linked', '.git/hooks');
    await symlink('/tmp', join(here, '.vscode'));
    const { stdout, stderr, exitCode } = await desk.run(here, ['echo', 'done']);
    expect({ stdout, exitCode }).toEqual({ stdout: 'done', exitCode: 0 });
    expect(stderr).toContain(`coi: warning: ${desk.instance(here)}: Not protected: .vscode: it is a symbolic link`);
    await desk.cleared();
  });

  it('keeps its path where that is wanted, but not over what the system has', async () => {
    await desk.settings('[paths]\npreserve_workspace_path = true\n');
    const here = await project('kept');
    expect(await desk.run(here, ['pwd'])).toMatchObject({ stdout: here, exitCode: 0 });
    const below = '/usr/local/coi-kept';
    await mkdir(below);
    try {
      await writeFile(join(below, 'there'), '');
      expect(await desk.run(below, ['--', 'sh', '-c', 'pwd; ls'])).toMatchObject({ stdout: '/workspace\nthere' });
    } finally {
      await rm(below, { recursive: true });
      await desk.settings('');
    }
  });

  it('has the same owners inside and outside', async () => {
    const here = await project('owners');
    expect(await desk.run(here, ['--', 'sh', '-c', 'touch made; stat -c %u .'])).toMatchObject({ stdout: '1000' });
    expect((await stat(join(here, 'made'))).uid).toBe(1000);
    expect(await deviceOf(here)).toMatchObject({ shift: 'true', recursive: 'true' });
  });

  it('belongs to the user inside, whatever his number is', async () => {
    const inside = [
      '--',
      'sh',
      '-c',
      'id -un; id -u; touch made ~/made; ls -ldn ~ | cut -d" " -f3-; id -un 1234 || true',
    ];
    const here = await project('numbered');
    await chown(here, 1234, 1234);
    await desk.settings('code_uid = 1234\n');
    const set = await desk.run(here, inside);
    expect(set).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^code\n1234\n/) });
    expect((await stat(join(here, 'made'))).uid).toBe(1234);
    await desk.settings('');

    // Unless set, it is the number of who starts the session.
    const theirs = await project('theirs');
    await chown(theirs, 1007, 1007);
    const own = await desk.run(theirs, inside, { env: { SUDO_UID: '1007', SUDO_USER: 'ann' } });
    expect(own).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^code\n1007\n/) });
    expect((await stat(join(theirs, 'made'))).uid).toBe(1007);
  });

  it('is not shifted where the settings say so, or the host is a machine of Lima', async () => {
    const here = await project('unshifted');
    await desk.settings('disable_shift = true\n');
    expect(await deviceOf(here)).not.toHaveProperty('shift');
    await desk.settings('');
    await desk.lab.run(['touch', '/run/lima-boot-done']);
    await desk.controller.restart();
    expect(desk.controller.log).toContain('Ids of files are not shifted');
    expect(await deviceOf(here)).not.toHaveProperty('shift');
    await desk.lab.run(['rm', '/run/lima-boot-done']);
    await desk.controller.restart();
    expect(await deviceOf(here)).toHaveProperty('shift', 'true');
  });

  it('is not shown a second time where it could be written', async () => {
    const here = await project('twice');
    const refused = await desk.run(here, ['--mount', `${here}:/again`, 'true']);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('protected paths could be written') });
    const above = await desk.run(here, ['--mount', `${desk.lab.dir}:/all`, 'true']);
    expect(above.exitCode).toBe(1);
  });
});

describe("a project's own settings", () => {
  it('may take, and give only what somebody trusts: by its lines, and until they change', async () => {
    const here = await project('trusted', '.vscode');
    const file = join(here, '.coi.toml');
    const loose = [
      '[defaults]',
      'image = "busybox"',
      '[network]',
      'mode = "open"',
      '[[mounts.default]]',
      `host = "${desk.lab.dir}"`,
      'container = "/host"',
      '[security]',
      'protected_paths = [".git/hooks"]',
      '[tool]',
      'name = "codex"',
      '',
    ].join('\n');
    await writeFile(file, loose);
    const write = ['run', '--', 'sh', '-c', 'echo x >.vscode/x && echo written'];
    const refused = await desk.coi(here, write);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    for (const place of [
      '4:1: A project may not set network.mode',
      '5:',
      '9:1: A project may not set security',
      '11:1: A project may not set tool.name',
    ]) {
      expect(refused.stderr).toContain(`.coi.toml:${place}`);
    }
    expect((await desk.controller.instances()).size).toBe(0);

    await writeFile(file, '[defaults]\nimage = "busybox"\n[security]\nprotected_paths = [".git/hooks"]\n');
    await desk.coi(here, ['trust']);
    expect(await desk.coi(here, write)).toMatchObject({ exitCode: 0, stdout: 'written' });
    // What runs inside can change the file, and so ends the trust in it.
    await chown(file, 1000, 1000);
    await desk.coi(here, ['run', '--', 'sh', '-c', 'echo "disable_protection = true" >>.coi.toml']);
    expect(await readFile(file, 'utf8')).toContain('disable_protection');
    expect(await desk.coi(here, write)).toMatchObject({ exitCode: 1, stdout: '' });
    await desk.cleared();
  });
});
