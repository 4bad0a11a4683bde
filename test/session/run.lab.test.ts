import { randomBytes } from 'node:crypto';
import { chown, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listRules, worldOf } from '../lab/world.ts';
import { openDesk, type Desk } from './desk.ts';
import { mainProgram } from '../program.ts';

let desk: Desk;
let here: string;

beforeAll(async () => {
  desk = await openDesk('run', ['busybox', 'system']);
  here = await desk.workspace('project');
});
afterAll(() => desk?.[Symbol.asyncDispose]());

describe('coi run', () => {
  it('passes streams and the exit code through, and leaves nothing behind', async () => {
    // The bridge has its link-local address once something was connected to it.
    await desk.run(here, ['true']);
    await desk.cleared();
    const before = await worldOf(desk.lab);
    const script = 'cat; echo to-stderr >&2; exit 7';
    expect(await desk.run(here, ['--', 'sh', '-c', script], { input: 'from stdin\n' })).toEqual({
      stdout: 'from stdin',
      stderr: 'to-stderr',
      exitCode: 7,
    });
    expect((await desk.coi(here, ['list'])).stdout).toBe('Active Containers:\n  (none)');
    await desk.cleared();
    expect(await worldOf(desk.lab)).toEqual(before);
    expect(await readdir(join(desk.lab.stateDir, 'desired/0'))).toEqual(['.coi-source']);
  });

  it('runs as the code user in the workspace, with an environment of its own', async () => {
    const secret = { env: { HOST_SECRET: 'of the host', TERM: 'xterm-ghostty' } };
    const { stdout } = await desk.run(here, ['--', 'sh', '-c', 'pwd; id -u; id -g; env'], secret);
    expect(stdout.split('\n').slice(0, 3)).toEqual(['/workspace', '1000', '1000']);
    for (const known of ['HOME=/home/code', 'IS_SANDBOX=1', 'TERM=xterm-256color']) expect(stdout).toContain(known);
    expect(stdout).not.toContain('of the host');
  });

  it('runs in a system with systemd, too', async () => {
    const { stdout, exitCode } = await desk.coi(here, [
      'run',
      '--image',
      'system',
      '--',
      'sh',
      '-c',
      'id -un; pwd; readlink -f /sbin/init | grep -o systemd$',
    ]);
    expect({ stdout, exitCode }).toEqual({ stdout: 'code\n/workspace\nsystemd', exitCode: 0 });
  });

  it('hands over values of --env as they are, by no command line and no file', async () => {
    const value = 'a,b "c" \'d\' $HOME `id`\nsecond=line\\';
    const show = ['-e', `VALUE=${value}`, '--env=EMPTY=', '-e', 'TERM=kitty', '--', 'sh', '-c'];
    const shown = await desk.run(here, [...show, 'printf "%s|%s|%s" "$VALUE" "$EMPTY" "$TERM"']);
    expect(shown).toEqual({ stdout: `${value}||xterm-256color`, stderr: '', exitCode: 0 });

    const secret = `s3cr3t-${randomBytes(8).toString('hex')}`;
    const running = desk.start(here, ['-e', `TOKEN=${secret}`, '--', 'sh', '-c', 'echo up; sleep 60']);
    await running.printed(/up/, 60_000);
    const lines = (await desk.lab.inside.output(['ps', '-eo', 'pid,args'])).split('\n');
    // Whoever types it shows it; nobody else does.
    const others = lines.filter((line) => line.includes(secret) && !line.includes(mainProgram));
    expect(others).toEqual([]);
    const config = await desk.lab.incus('config', 'show', desk.instance(here), '--expanded');
    const kept = await desk.lab.run([
      'grep',
      '-rl',
      secret,
      desk.lab.stateDir,
      desk.lab.runDir,
      join(desk.lab.incusDir, 'logs'),
    ]);
    expect([config.includes(secret), kept.stdout]).toEqual([false, '']);
    await running.stop('SIGTERM');
    await desk.controller.gone(desk.instance(here).slice(4));
  });

  it('takes its flags before and after it', async () => {
    const other = await desk.workspace('other');
    await writeFile(join(other, 'there'), '');
    const args = ['--workspace', other, '--slot', '4', '--image', 'busybox'];
    const name = desk.instance(other, 4);
    const json = ['--capture', '--format', 'json'];
    const before = await desk.coi(here, [...args, 'run', ...json, 'ls']);
    const after = await desk.coi(here, ['run', 'ls', ...args, ...json]);
    for (const { stdout } of [before, after])
      expect(JSON.parse(stdout)).toMatchObject({ stdout: 'there\n', container: name });
  });

  it('prints the output at the end, or as JSON', async () => {
    expect(await desk.run(here, ['--capture', '--', 'sh', '-c', 'echo out; echo err >&2'])).toEqual({
      stdout: 'out',
      stderr: 'err',
      exitCode: 0,
    });
    const { stdout, stderr, exitCode } = await desk.run(here, [
      '--format=json',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 3',
    ]);
    expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 3 });
    expect(JSON.parse(stdout)).toEqual({
      stdout: 'out\n',
      stderr: 'err\n',
      exit_code: 3,
      container: desk.instance(here),
      duration: expect.any(Number),
    });
  });

  it('ends a command whose time is up with an exit code of its own', async () => {
    const { exitCode, stderr } = await desk.run(here, [
      '--timeout',
      '1',
      '--',
      'sh',
      '-c',
      'trap "" TERM INT; sleep 100',
    ]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 124, stderr: 'coi: the command was ended: its time was up' });
    await desk.cleared();
  });

  it('takes one quoted line or a list of words', async () => {
    expect(await desk.run(here, ['echo a b | wc -w'])).toMatchObject({ stdout: '2', exitCode: 0 });
    expect(await desk.run(here, ['--', 'printf', '%s|', 'a b', '$HOME', ';'])).toMatchObject({
      stdout: 'a b|$HOME|;|',
    });
    expect(await desk.run(here, ['--', 'no-such-program'])).toMatchObject({ exitCode: 127 });
  });

  it('says what is missing', async () => {
    const image = await desk.coi(here, ['run', '--image', 'nowhere', 'true']);
    expect(image).toMatchObject({ exitCode: 1, stdout: '' });
    expect(image.stderr).toContain('There is no image with the alias "nowhere"');
    expect(image.stderr).toContain('Build it');
    expect(await desk.coi(here, ['run'])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('COMMAND') });
    const gone = await desk.run(here, ['-w', join(here, 'nowhere'), 'true']);
    expect(gone).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('does not exist') });
    await desk.cleared();
  });

  it('passes any bytes, more of them than fit into memory at once where nobody reads', async () => {
    const file = join(desk.lab.dir, 'bytes');
    await writeFile(
      file,
      Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)), randomBytes(3_000_000)]),
    );
    const coi = `'${process.execPath}' '${mainProgram}' run --image busybox`;
    const shell = (line: string) =>
      desk.lab.run(['sh', '-c', line], { cwd: here, env: desk.controller.env, timeoutMs: 120_000 });
    expect(await shell(`${coi} -- cat <'${file}' >'${file}.back' && cmp '${file}' '${file}.back'`)).toMatchObject({
      exitCode: 0,
    });
    // Whoever reads stops reading: the program inside is held up, and coi does not grow.
    const line = `${coi} -- sh -c 'yes' | { sleep 6; ps -eo rss=,args= | grep '[m]ain.[jt]s run --image' >'${file}.rss'; head -c 1 >/dev/null; }`;
    await shell(line);
    const lines = (await readFile(`${file}.rss`, 'utf8')).split('\n').filter(Boolean);
    expect(lines).toHaveLength(1);
    expect(Number.parseInt(lines[0]!, 10)).toBeGreaterThan(0);
    expect(Number.parseInt(lines[0]!, 10)).toBeLessThan(300_000);
    await desk.cleared();
  });

  it('hands on Ctrl-C once, and cleans up once', async () => {
    const running = desk.start(here, ['--', 'sh', '-c', 'echo up; exec sleep 100']);
    await running.printed(/up/, 60_000);
    expect(await running.stop('SIGINT')).toMatchObject({ exitCode: 130 });
    await desk.cleared();
    const stubborn = desk.start(here, [
      '--',
      'sh',
      '-c',
      'trap "echo caught; exit 5" TERM; echo up; while :; do sleep 0.1; done',
    ]);
    await stubborn.printed(/up/, 60_000);
    expect(await stubborn.stop('SIGTERM')).toMatchObject({ exitCode: 5 });
    expect(stubborn.output).toContain('caught');
    const { stdout } = await desk.coi(here, ['events', desk.instance(here).slice(4), '--format', 'json']);
    const deletions = stdout
      .split('\n')
      .filter((line) => line.includes('"kind":"delete"') && line.includes('"uid"') && line.includes('succeeded'));
    expect(new Set(deletions.map((line) => (JSON.parse(line) as { uid: string }).uid)).size).toBe(deletions.length);
  });

  it('leaves nothing running when it is killed itself, also while no controller looks', async () => {
    const name = desk.instance(here).slice(4);
    const first = desk.start(here, ['--', 'sh', '-c', 'echo up; sleep 600']);
    await first.printed(/up/, 60_000);
    await first.stop('SIGKILL');
    await desk.controller.gone(name);
    const second = desk.start(here, ['--', 'sh', '-c', 'echo up; sleep 600']);
    await second.printed(/up/, 60_000);
    await desk.controller.stop('SIGKILL');
    await second.stop('SIGKILL');
    await desk.controller.start();
    await desk.controller.gone(name);
    expect(await readdir(join(desk.lab.stateDir, 'desired/0'))).toEqual(['.coi-source']);
  });

  it('keeps a persistent container stopped, and goes on in it when asked for its slot', async () => {
    const slot = ['--persistent', '--slot', '2', '--'];
    expect(await desk.run(here, [...slot, 'sh', '-c', 'echo kept >~/marker'])).toEqual({
      stdout: '',
      stderr: '',
      exitCode: 0,
    });
    expect((await desk.controller.instances()).get(desk.instance(here, 2))).toBe('Stopped');
    expect(await desk.run(here, [...slot, 'sh', '-c', 'cat ~/marker'])).toEqual({
      stdout: 'kept',
      stderr: '',
      exitCode: 0,
    });
    // Who comes back often is not taken for somebody who keeps stopping it.
    for (let time = 0; time < 6; time += 1)
      expect(await desk.run(here, [...slot, 'true'])).toMatchObject({ stderr: '', exitCode: 0 });
    expect(await desk.run(here, ['--slot', '2', '--', 'sh', '-c', 'cat ~/marker'])).toMatchObject({
      stderr: expect.stringContaining('Slot 2 is taken, using slot 3'),
      exitCode: 1,
    });
    expect(await desk.coi(here, ['kill', desk.instance(here, 2)])).toMatchObject({ exitCode: 0 });
  });

  it('reads settings, environment, profile and flags one above the other', async () => {
    await desk.settings('[limits.cpu]\npriority = 5\n[profiles.small.limits.memory]\nlimit = "32MiB"\n');
    await writeFile(join(here, '.coi.toml'), '[defaults]\nimage = "busybox"\n[limits.cpu]\npriority = 3\n');
    const running = desk.lab.spawn(
      [process.execPath, mainProgram, 'run', '--profile', 'small', '--', 'sh', '-c', 'echo up; sleep 60'],
      { cwd: here, env: { ...desk.controller.env, COI_LIMIT_CPU: '1' } },
    );
    await running.printed(/up/, 60_000);
    const { config } = await desk.controller.instance(desk.instance(here));
    expect(config).toMatchObject({ 'limits.cpu.priority': '3', 'limits.memory': '32MiB', 'limits.cpu': '1' });
    await running.stop('SIGTERM');
    expect(await desk.coi(here, ['run', '--profile', 'smal', 'true'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Did you mean "small"?'),
    });
    await writeFile(
      join(here, '.coi.toml'),
      '[defaults]\nimage = "busybox"\n\n[network]\nmode = "open"\n[security]\nprotected_paths = []\n',
    );
    const refused = await desk.coi(here, ['run', 'true']);
    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('.coi.toml:5:1: A project may not set network.mode by itself');
    expect(refused.stderr).toContain('.coi.toml:7:1: A project may not set security.protected_paths by itself');
    expect(refused.stderr).toContain(`coi trust ${here}`);
    expect(await desk.coi(here, ['trust'])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('line 5') });
    expect(await desk.coi(here, ['run', 'true'])).toMatchObject({ exitCode: 0 });
    await writeFile(join(here, '.coi.toml'), '');
    await desk.settings('');
  });

  it('lives by the same rules, limits and mounts as any sandbox', async () => {
    const data = join(desk.lab.dir, 'made/data');
    await mkdir(data, { recursive: true });
    await chown(data, 1000, 1000);
    const flags = [
      '--limit-cpu',
      '1',
      '--limit-cpu-allowance',
      '50%',
      '--limit-cpu-priority',
      '2',
      '--limit-memory',
      '64MiB',
      '--limit-memory-swap',
      'false',
      '--limit-memory-enforce',
      'hard',
      '--limit-disk-read',
      '10MiB/s',
      '--limit-disk-write',
      '11MiB/s',
      '--limit-disk-max',
      '12MiB/s',
      '--limit-processes',
      '90',
      '--limit-duration',
      '10m',
      '--network',
      'none',
      '--mount',
      `${data}:/data`,
      '--storage',
      join(desk.lab.dir, 'made/storage'),
    ];
    const running = desk.start(here, [
      ...flags,
      '--',
      'sh',
      '-c',
      'touch /data/seen && cd /storage && echo up; sleep 60',
    ]);
    await running.printed(/up/, 60_000);
    const { config, devices } = await desk.controller.instance(desk.instance(here));
    expect(config).toMatchObject({
      'limits.cpu': '1',
      'limits.cpu.allowance': '50%',
      'limits.cpu.priority': '2',
      'limits.memory': '64MiB',
      'limits.memory.swap': 'false',
      'limits.memory.enforce': 'hard',
      'limits.processes': '90',
    });
    expect(devices['root']).toMatchObject({ 'limits.read': '10MiB', 'limits.write': '11MiB', 'limits.max': '12MiB' });
    expect(await stat(join(data, 'seen'))).toMatchObject({ uid: 1000 });
    expect(await readdir(join(desk.lab.dir, 'made'))).toEqual(['data', 'storage']);
    const report = await desk.controller.ready(desk.instance(here).slice(4), 'running');
    expect(report).toMatchObject({ network: 'none', workspace: here, persistent: false });
    expect(await listRules(desk.lab)).toContain(report.ipv4);
    const { stdout } = await desk.coi(here, ['list', '--format', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      active_containers: [
        { name: desk.instance(here), status: 'Running', persistent: false, workspace: here, image: 'busybox' },
      ],
    });
    expect((await desk.coi(here, ['list'])).stdout).toContain(`${desk.instance(here)} (ephemeral)`);
    await running.stop('SIGTERM');
    await desk.cleared();
    expect(await listRules(desk.lab)).not.toContain(report.ipv4);
  });

  it('has a limit that shows on the container, or is told that the host cannot enforce it, and leaves nothing', async () => {
    const running = desk.start(here, ['--limit-disk-priority', '3', '--', 'sh', '-c', 'echo up; sleep 60']);
    const isUp = await running.printed(/^up$/m, 60_000).catch(() => false);
    const config = isUp ? (await desk.controller.instance(desk.instance(here))).config : undefined;
    await running.stop('SIGTERM');
    expect(config?.['limits.disk.priority'] === '3' || running.output.includes('cannot enforce that limit')).toBe(true);
    await desk.cleared();
  });

  it('refuses mounts, modes and limits that make no sense, all of them at once', async () => {
    const said = async (...args: string[]) => {
      const { stderr, exitCode } = await desk.run(here, [...args, 'true']);
      expect(exitCode).toBeGreaterThan(0);
      return stderr;
    };
    const at = (path: string) => ['--mount', `${join(desk.lab.dir, 'm', path.replaceAll('/', '-'))}:${path}`];
    expect(await said(...at('/a'), ...at('/a/b'))).toContain('nested');
    expect(await said(...at('/workspace/x'))).toContain('/workspace');
    expect(await said(...at('/x'), ...at('/x'))).toContain('same path inside');
    expect(await said('--mount', '/tmp:relative')).toContain('must be absolute');
    expect(await said('--mount', 'one')).toContain('HOST:PATH-INSIDE');
    const all = await said(
      '--network',
      'wild',
      '--limit-cpu',
      'x',
      '--limit-memory',
      '12q',
      '--limit-duration',
      'soon',
    );
    for (const flag of ['--network', '--limit-cpu', '--limit-memory', '--limit-duration'])
      expect(all).toContain(`${flag}: `);
    expect(await said('-e', '1A=b')).toContain('--env needs NAME=VALUE');
    expect(await said('--slot', '11')).toContain('no slot 11');
    await desk.cleared();
  });

  it('puts /tmp in memory where a size is set', async () => {
    await desk.settings('[limits.disk]\ntmpfs_size = "16MiB"\n');
    const { stdout } = await desk.run(here, ['--', 'sh', '-c', 'mount | grep " /tmp "; touch /tmp/x']);
    expect(stdout).toMatch(/^tmpfs on \/tmp type tmpfs .*size=16384k/);
    await desk.settings('');
    expect(await desk.run(here, ['--', 'sh', '-c', 'mount | grep -c " /tmp "'])).toMatchObject({
      stdout: '0',
      stderr: '',
    });
  });

  it('may run no longer than its limit, whoever looks', async () => {
    const ended = await desk.run(here, ['--limit-duration', '2s', '--', 'sleep', '600']);
    expect(ended.exitCode).toBe(137);
    await desk.run(here, ['--limit-duration', '2s', '--persistent', '--slot', '5', '--', 'sleep', '600']);
    expect((await desk.controller.instances()).get(desk.instance(here, 5))).toBe('Stopped');
    expect(await desk.coi(here, ['kill', '--all', '--force'])).toMatchObject({ exitCode: 0 });
  });

  it('names a workspace by its path as it was given, and mounts what it leads to', async () => {
    const link = join(desk.lab.dir, 'link');
    await symlink(here, link);
    const { stdout } = await desk.run(here, ['-w', link, '--format', 'json', 'true']);
    expect(JSON.parse(stdout)).toMatchObject({ container: desk.instance(link), exit_code: 0 });
  });
});
