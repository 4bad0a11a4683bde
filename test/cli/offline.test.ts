import { chmod, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chainLine, noHead } from '../../src/audit/chain.ts';
import { manifestJsonSchemaText } from '../../src/spec/json-schema.ts';
import { coi } from './peer.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-offline-'));
});
afterEach(() => rm(directory, { recursive: true }));

const head = 'apiVersion = "coi/v1"\n';
const here = (...argv: string[]) => coi(argv, { cwd: directory, env: { COI_ETC: directory, HOME: directory } });
const write = (name: string, text: string) => writeFile(join(directory, name), text);

describe('coi validate', () => {
  it('says how much it found where nothing is wrong', async () => {
    await write('a.toml', `${head}[sandbox.a]\n[sandbox.b]\ndepends_on = ["a"]\n`);
    expect(await here('validate', 'a.toml')).toEqual({
      code: 0,
      stdout: '1 file, 2 sandboxes: no problems\n',
      stderr: '',
    });
    const { stdout } = await here('validate', '.', '--format=json');
    expect(JSON.parse(stdout)).toEqual({ valid: true, files: 1, sandboxes: ['a', 'b'], images: [], problems: [] });
    await write('i.toml', `${head}[image.coi]\n`);
    expect((await here('validate', 'i.toml')).stdout).toBe('1 file, 0 sandboxes, 1 image: no problems\n');
    expect(JSON.parse((await here('validate', 'i.toml', '--format=json')).stdout)).toMatchObject({ images: ['coi'] });
  });

  it('shows all problems of all files at once, in their order', async () => {
    await write('b.toml', `${head}[sandbox.x]\nimgae = "y"\nstate = "asleep"\n`);
    await write('a.toml', `${head}[sandbox.x]\n[sandbox.y]\ndepends_on = ["nobody"]\n`);
    await write('c.toml', 'apiVersion = "coi/v1\n');
    await mkdir(join(directory, 'sub'));
    await write('sub/d.toml', `${head}[sandbox.y]\n`);
    const { code, stdout } = await here('validate', '.', 'nowhere.toml');
    expect(code).toBe(1);
    const places = stdout.split('\n').filter((line) => /^\S+:\d+/.test(line));
    expect(places.map((line) => line.replace(/: .*/, ''))).toEqual([
      'a.toml:3',
      'b.toml:3:1',
      'b.toml:4:9',
      expect.stringMatching(/^c\.toml:1:\d+$/),
      'sub/d.toml:2',
    ]);
    expect(stdout).toContain('There is no "nowhere.toml"');
    expect(stdout).toMatch(/\n4 files, \d sandboxes: 6 problems\n$/);
    const json = JSON.parse((await here('validate', '.', '--format=json')).stdout) as { problems: unknown[] };
    expect(json.problems).toHaveLength(5);
    expect(json.problems[1]).toMatchObject({ code: 'spec.unknown-key', file: 'b.toml', line: 3, column: 1 });
  });

  it('reads directories as the controller does: links stay inside, hidden and half-saved files are passed over', async () => {
    await write('.hidden.toml', 'nonsense');
    await write('a.toml~', 'nonsense');
    await write('a.toml', `${head}[sandbox.a]\n`);
    await symlink('/etc/hostname', join(directory, 'out.toml'));
    const { code, stdout } = await here('validate', directory);
    expect(code).toBe(1);
    expect(stdout).toContain('out.toml');
    expect(stdout).toMatch(/1 file, 1 sandbox: 1 problem\n$/);
  });

  it('without a path reads the sources of the settings, and knows their profiles', async () => {
    await mkdir(join(directory, 'desired'));
    await write('config.toml', `[controller]\nsources = ["${directory}/desired"]\n[profiles.big]\nimage = "huge"\n`);
    await write('desired/a.toml', `${head}[sandbox.a]\nprofile = "big"\n`);
    expect(await here('validate')).toEqual({ code: 0, stdout: '1 file, 1 sandbox: no problems\n', stderr: '' });
  });

  it('mentions package managers whose configuration cannot be read, and goes on', async () => {
    await write('a.toml', `${head}[sandbox.a]\nnetwork.mode = "allowlist"\n`);
    await write('npm', '#!/bin/sh\nexit 3\n');
    await chmod(join(directory, 'npm'), 0o755);
    const env = { COI_ETC: directory, HOME: directory, PATH: directory };
    const { code, stderr } = await coi(['validate', 'a.toml'], { cwd: directory, env });
    expect(code).toBe(0);
    expect(stderr).toMatch(/^coi: warning: Cannot read npm's configuration/);
  });

  it.each([
    { what: 'larger than 1 MiB', make: (path: string) => writeFile(path, '#'.repeat(2 ** 20 + 1)) },
    { what: 'neither a file nor a directory', make: (path: string) => symlink('/dev/zero', path) },
  ])('refuses what is $what', async ({ what, make }) => {
    await make(join(directory, 'odd.toml'));
    const { code, stdout } = await here('validate', 'odd.toml');
    expect(code).toBe(1);
    expect(stdout).toContain(`"odd.toml" is ${what}`);
  });

  it('says which directory has no manifests', async () => {
    await mkdir(join(directory, 'empty'));
    expect((await here('validate', 'empty')).stdout).toContain('"empty" has no *.toml files');
  });
});

describe('settings', () => {
  it('mention unknown keys on stderr and go on', async () => {
    await write('config.toml', '[defaults]\nimgae = "x"\n');
    await write('a.toml', `${head}[sandbox.a]\n`);
    const { code, stderr } = await here('validate', 'a.toml');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^coi: warning: .*config\.toml:2:1: .*imgae/);
  });

  it('end the command when they cannot be used, with file, line and column', async () => {
    await write('config.toml', '[controller]\nworkers = 0\n');
    const { code, stderr } = await here('validate', 'x');
    expect(code).toBe(1);
    expect(stderr).toMatch(/^coi: .*config\.toml:2:11: controller\.workers is 0, but must be/);
  });

  it('come from COI_CONFIG as well, and are warned of where it is not there', async () => {
    await mkdir(join(directory, 'etc'));
    await write('mine.toml', '[controller]\nworkers = 0\n');
    const env = { COI_ETC: join(directory, 'etc'), HOME: directory };
    const withConfig = (path: string) => coi(['validate', 'x'], { cwd: directory, env: { ...env, COI_CONFIG: path } });
    expect((await withConfig('mine.toml')).stderr).toContain('mine.toml:2:11');
    await write('x', '');
    expect((await withConfig('other.toml')).stderr).toContain('coi: warning: COI_CONFIG names');
  });

  it('hold flags and environment to the same rules', async () => {
    const { code, stderr } = await here('controller', '--workers', '99', '--metrics', 'everywhere');
    expect(code).toBe(1);
    expect(stderr).toContain('controller.workers is 99, but must be a whole number from 1 to 64');
    expect(stderr).toContain('controller.metrics_listen is "everywhere"');
    const env = { COI_ETC: directory, HOME: directory, COI_STATE_DIR: 'relative' };
    expect((await coi(['validate', 'x'], { env })).stderr).toContain('controller.state_dir is "relative"');
  });
});

describe('coi schema', () => {
  it('prints the schema', async () => {
    expect(await here('schema')).toEqual({ code: 0, stdout: manifestJsonSchemaText(), stderr: '' });
  });
});

describe('coi audit verify', () => {
  const entry = { key: 'sandbox/a', kind: 'create', phase: 'started', why: 'x', actor: 'controller' } as const;

  async function log(lines = 3) {
    await mkdir(join(directory, 'audit'), { recursive: true });
    let link = noHead;
    const texts = Array.from({ length: lines }, () => {
      const { line, head: next } = chainLine(link, '2026-03-01T00:00:00.000Z', entry);
      link = next;
      return line;
    });
    await write('audit/coi.jsonl', `${texts.join('\n')}\n`);
    return texts;
  }
  const verify = (...argv: string[]) =>
    coi(['audit', 'verify', ...argv], { cwd: directory, env: { COI_ETC: directory, COI_STATE_DIR: directory } });

  it('finds a whole log, in the state directory or where it is told', async () => {
    await log();
    const whole = { code: 0, stdout: 'The audit log is whole: 3 records in 1 file\n', stderr: '' };
    expect(await verify()).toEqual(whole);
    await cp(join(directory, 'audit'), join(directory, 'copy'), { recursive: true });
    expect(await verify('--dir', 'copy')).toEqual(whole);
    expect(JSON.parse((await verify('--format=json')).stdout)).toEqual({
      dir: join(directory, 'audit'),
      ok: true,
      detections: [],
      records: 3,
      files: 1,
    });
  });

  it('names the first line that was changed, and exits with 1', async () => {
    const [first, second, third] = await log();
    await write('audit/coi.jsonl', `${first}\n${second!.replace('"x"', '"y"')}\n${third}\n`);
    const { code, stdout } = await verify();
    expect(code).toBe(1);
    expect(stdout).toContain(`${directory}/audit/coi.jsonl:2: its content does not match its hash\n`);
    expect(stdout).toContain('Good before that: 1 record\n');
  });

  it('checks the detection logs of all sandboxes as well, and names the one that was changed', async () => {
    await log();
    const fields = { id: 'i', level: 'critical', sandbox: 'web', uid: 'U1', container_name: 'coi-web' };
    const { line } = chainLine(noHead, '2026-03-01T00:00:00.000Z', fields);
    const path = 'monitor/U1/detections/coi.jsonl';
    await mkdir(join(directory, 'monitor/U1/detections'), { recursive: true });
    await write(path, `${line}\n`);
    expect((await verify()).stdout).toBe(
      'The audit log is whole: 3 records in 1 file\n1 detection log is whole: 1 record\n',
    );
    await write(path, `${line.replace('critical', 'info')}\n`);
    expect((await verify()).stdout).toContain('The detection log of "U1" was changed after it was written');
    const about = { sandbox: 'web', container_name: 'coi-web', log_days: 30 };
    await write('monitor/U1/detections/about.json', JSON.stringify(about));
    const { code, stdout } = await verify();
    expect(code).toBe(1);
    expect(stdout).toContain('The audit log is whole');
    expect(stdout).toContain(`${directory}/${path}:1: its content does not match its hash\n`);
    expect(stdout).toContain('The detection log of "web" was changed after it was written');
    expect(JSON.parse((await verify('--format=json')).stdout)).toMatchObject({
      ok: false,
      detections: [{ sandbox: 'web', uid: 'U1', ok: false, firstBad: { line: 1 } }],
    });
  });

  it('does not take no log for a whole one', async () => {
    const { code, stderr } = await verify();
    expect(code).toBe(1);
    expect(stderr).toContain('There is no audit log');
  });
});
