import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HealthReport } from '../../src/health/run-checks.ts';
import { openPeer, type Peer } from './peer.ts';
import { mainProgram } from '../program.ts';

const id = '0b9f1f2e-5c0a-4a53-9a53-6a3d1c0b7e11';
let directory: string;
let peer: Peer;

beforeAll(async () => {
  peer = await openPeer();
  directory = mkdtempSync(join(tmpdir(), 'coi-tool-'));
  const users = readFileSync('/etc/passwd', 'utf8').replace(/^root:.*$/m, `root:x:0:0:root:${directory}:/bin/sh`);
  writeFileSync(join(directory, 'passwd'), users);
  const session = join(directory, '.coi/sessions-opencode', id);
  mkdirSync(session, { recursive: true });
  const metadata = { session_id: id, container_name: 'coi-bbb41b38-1', persistent: false, workspace: '/w' };
  writeFileSync(join(session, 'metadata.json'), JSON.stringify({ ...metadata, saved_at: '2026-01-02T03:04:05Z' }));
  const profile = '[profiles.other.tool]\nname = "opencode"\n[profiles.other.network]\nmode = "open"\n';
  writeFileSync(join(directory, 'config.toml'), `${profile}[profiles.plain]\npersistent = true\n`);
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await peer[Symbol.asyncDispose]();
});

/** Runs `coi` where root has a home of the test's own, in this process's view of the file system alone. */
async function coi(argv: readonly string[], { namespaces = ['--mount'], runDir = peer.directory } = {}) {
  const inside = 'mount --bind "$1" /etc/passwd && shift && exec "$@"';
  const command = ['sh', '-c', inside, 'sh', join(directory, 'passwd'), process.execPath, mainProgram, ...argv];
  const { exitCode, stdout, stderr } = await execa('unshare', [...namespaces, ...command], {
    reject: false,
    extendEnv: false,
    env: {
      PATH: process.env['PATH'],
      HOME: directory,
      COI_ETC: directory,
      COI_RUN_DIR: runDir,
      INCUS_SOCKET: join(directory, 'incus'),
      NODE_DISABLE_COMPILE_CACHE: '1',
    },
  });
  return { code: exitCode, stdout, stderr };
}

const chosen = [[['--profile', 'other']], [['--tool', 'opencode']], [['--tool=opencode', '--profile=plain']]];

describe('the agent that is meant', () => {
  it.each(chosen)('%j: its sessions are listed and told of', async (flags) => {
    expect(await coi(['list', '--all', ...flags])).toMatchObject({ code: 0, stdout: expect.stringContaining(id) });
    const about = await coi(['info', ...flags]);
    expect(about.stdout).toContain(`Resume: coi shell --tool opencode --resume=${id}`);
  });

  it('is otherwise the one of the settings', async () => {
    expect((await coi(['list', '--all', '--profile', 'plain'])).stdout).toContain('Saved Sessions:\n  (none)');
    expect(await coi(['info', '--profile', 'plain'])).toMatchObject({ code: 1, stdout: '' });
  });

  it.each(chosen)('%j: health looks at it, and at the profile', async (flags) => {
    const none = { namespaces: ['--mount', '--net'], runDir: directory };
    const { stdout } = await coi(['health', '--quick', '--format=json', ...flags], none);
    const { checks } = JSON.parse(stdout) as HealthReport;
    const mode = flags.includes('other') ? 'open' : 'restricted';
    expect([checks['tool'], checks['network_mode']]).toMatchObject([
      { details: { tool: 'opencode' } },
      { details: { mode } },
    ]);
  });

  it.each([['list'], ['list', '--all'], ['info'], ['clean', '--sessions'], ['health', '--quick']])(
    'is of no profile that there is not: %s %s',
    async (...argv) => {
      const { code, stdout, stderr } = await coi([...argv, '--profile', 'othr']);
      expect({ code, stdout }).toEqual({ code: argv[0] === 'health' ? 2 : 1, stdout: '' });
      expect(stderr).toContain('There is no profile "othr"\n  Did you mean "other"?');
    },
  );

  it('is the one whose sessions are cleaned', async () => {
    expect((await coi(['clean', '--sessions', '--force'])).stdout).toBe('Nothing to clean');
    const { stdout } = await coi(['clean', '--sessions', '--force', '--profile', 'other']);
    expect(stdout).toContain('Saved sessions of opencode:');
    expect(stdout).toContain('Removed 1');
    expect((await coi(['list', '--all', '--profile', 'other'])).stdout).not.toContain(id);
  });
});
