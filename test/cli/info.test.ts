import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mainProgram } from '../program.ts';

const id = '0b9f1f2e-5c0a-4a53-9a53-6a3d1c0b7e11';
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coi-info-'));
  const users = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*$/m, `root:x:0:0:root:${directory}:/bin/sh`);
  writeFileSync(join(directory, 'passwd'), users);
  const session = join(directory, '.coi/sessions-opencode', id);
  mkdirSync(join(session, '.config/opencode'), { recursive: true });
  writeFileSync(join(session, '.config/opencode/opencode.json'), '{"theme":1}');
  const metadata = { session_id: id, container_name: 'coi-bbb41b38-1', persistent: false, workspace: '/w' };
  writeFileSync(join(session, 'metadata.json'), JSON.stringify({ ...metadata, saved_at: '2026-01-02T03:04:05Z' }));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs `coi` where root has a home of the test's own, in this process's view of the file system alone. */
function coi(...argv: string[]) {
  const inside = 'mount --bind "$1" /etc/passwd && shift && exec "$@"';
  const command = ['sh', '-c', inside, 'sh', join(directory, 'passwd'), process.execPath, mainProgram, ...argv];
  const env = { PATH: process.env['PATH'], HOME: directory, COI_ETC: directory, NODE_DISABLE_COMPILE_CACHE: '1' };
  const { status, stdout, stderr } = spawnSync('unshare', ['--mount', ...command], { encoding: 'utf8', env });
  return { code: status, stdout, stderr };
}

describe('coi info', () => {
  it('knows the sessions of every agent by their own data, and how to go on with them', () => {
    const { code, stdout } = coi('info', '--tool', 'opencode');
    expect(code).toBe(0);
    for (const line of [
      `Session ID: ${id}`,
      'Tool: opencode',
      'Container name: coi-bbb41b38-1',
      'Workspace: /w',
      'Data: present, 11 B in 1 files',
      `Path: ${directory}/.coi/sessions-opencode/${id}`,
      `Resume: coi shell --tool opencode --resume=${id}`,
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    const json = coi('info', id, '--tool', 'opencode', '--format', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({ id, tool: 'opencode', has_data: true, bytes: 11 });
  });

  it('asks about the agent that the settings name', () => {
    expect(coi('info')).toMatchObject({ code: 1, stderr: expect.stringContaining('No session of claude is saved') });
    writeFileSync(join(directory, 'config.toml'), 'tool.name = "opencode"\n');
    expect(coi('info').stdout).toContain(`Resume: coi shell --resume=${id}\n`);
  });

  it("asks about the project's agent where it is trusted, and about a profile's", () => {
    const project = join(directory, 'project');
    mkdirSync(project);
    const file = join(project, '.coi.toml');
    writeFileSync(file, 'tool.name = "opencode"\n');
    expect(coi('info', '-w', project).stderr).toContain('No session of claude is saved');
    coi('trust', project);
    expect(coi('info', '-w', project).stdout).toContain(`Resume: coi shell --resume=${id}\n`);
    writeFileSync(file, '');
    expect(coi('info', '-w', project).stderr).toContain('No session of claude is saved');
    writeFileSync(join(directory, 'config.toml'), 'profiles.other.tool.name = "opencode"\n');
    expect(coi('info', '--profile', 'other').stdout).toContain(`Resume: coi shell --tool opencode --resume=${id}\n`);
    expect(coi('info', '--profile', 'othr').stderr).toContain('There is no profile "othr"\n  Did you mean "other"?');
  });

  it('says that data is missing where only the record is there', () => {
    rmSync(join(directory, '.coi/sessions-opencode', id, '.config'), { recursive: true });
    expect(coi('info', '--tool', 'opencode').stdout).toContain('\nData: missing\n');
  });
});
