import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { chainLine, noHead } from '../../src/audit/chain.ts';
import { openPeer } from './peer.ts';
import { web } from './reports.ts';
import { mainProgram } from '../program.ts';

function start(argv: readonly string[], setting: { readonly env?: NodeJS.ProcessEnv; readonly uid?: number } = {}) {
  return spawn(process.execPath, [mainProgram, ...argv], {
    env: { PATH: process.env['PATH'], NODE_DISABLE_COMPILE_CACHE: '1', ...setting.env },
    cwd: '/',
    ...(setting.uid !== undefined && { uid: setting.uid, gid: setting.uid }),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function ended(child: ChildProcess) {
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'close'),
  ]);
  return { code: code as number, signal: signal as string | null, stdout, stderr };
}

describe('the program', () => {
  it.each([
    { argv: ['--version'], code: 0 },
    { argv: ['--help'], code: 0 },
    { argv: ['status', 'nobody'], code: 1 },
    { argv: ['list', '--nonsense'], code: 1 },
    { argv: ['why', '--nonsense'], code: 2 },
    { argv: ['diff'], code: 1 },
    { argv: ['diff', '-f', '/nowhere'], code: 2 },
  ])('exits with $code after $argv', async ({ argv, code }) => {
    await using peer = await openPeer();
    const result = await ended(start(argv, { env: peer.env }));
    expect(result).toMatchObject({ code, signal: null });
    const isDone = code < 2 && !['nobody', '--nonsense'].includes(argv[1]!);
    expect(isDone ? result.stderr : result.stdout).toBe('');
  });

  it.each(['NO_COLOR', 'TERM', 'FORCE_COLOR'])('writes no colours into a pipe, whatever %s says', async (name) => {
    await using peer = await openPeer();
    const { stdout } = await ended(start(['status'], { env: { ...peer.env, [name]: 'xterm-256color' } }));
    expect(stdout).toContain('web      Current');
    expect(stdout).not.toContain('\u001B');
  });

  it('ends quietly when nobody reads on', async () => {
    const line = { ts: 'x'.repeat(1_000), key: 'sandbox/a', kind: 'k', phase: 'p', why: 'w' };
    await using peer = await openPeer({
      async *events() {
        for (;;) yield line;
      },
    });
    const child = start(['events', '--follow'], { env: peer.env });
    child.stdout.once('data', () => child.stdout.destroy());
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect({ code: code as number, stderr }).toEqual({ code: 141, stderr: '' });
  });

  it.each([
    { signal: 'SIGINT' as const, code: 130 },
    { signal: 'SIGTERM' as const, code: 143 },
  ])('ends with $code after $signal, without noise', async ({ signal, code }) => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    await using peer = await openPeer({
      reconcile: () => {
        ask();
        return Promise.withResolvers<void>().promise;
      },
    });
    const child = start(['apply'], { env: peer.env });
    const result = ended(child);
    await asked;
    child.kill(signal);
    expect(await result).toEqual({ code, signal: null, stdout: '', stderr: '' });
  });

  it('shows a defect of its own in one line, and its stack only with COI_DEBUG=1', async () => {
    await using peer = await openPeer({ status: async () => ({ sandboxes: [{ ...web, conditions: 7 }] }) as never });
    const plain = await ended(start(['status'], { env: peer.env }));
    expect(plain.code).toBe(1);
    expect(plain.stderr).toMatch(/^coi: this is a defect of coi, .*\n {2}To report it: .*COI_DEBUG=1.*\n$/);
    const debugged = await ended(start(['status'], { env: { ...peer.env, COI_DEBUG: '1' } }));
    expect(debugged.stderr).toMatch(/\n {4}at .*\.[jt]s:\d+/);
  });
});

describe('without a controller', () => {
  const nobody = 65_534;

  async function emptyDirectory() {
    const directory = await mkdtemp(join(tmpdir(), 'coi-none-'));
    await chmod(directory, 0o755);
    const env = { COI_RUN_DIR: directory, COI_ETC: directory, HOME: directory, INCUS_SOCKET: join(directory, 'incus') };
    return { directory, env, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
  }

  it.each([['apply'], ['freeze', 'web']])('a user is told how to start one: coi %s', async (...argv) => {
    await using none = await emptyDirectory();
    const { code, stdout, stderr } = await ended(start(argv, { env: none.env, uid: nobody }));
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      `coi: No controller answers at ${none.directory}/coi.sock\n` +
        '  Start it: sudo systemctl start coi, or without systemd: sudo coi controller\n',
    );
  });

  it.each([['list'], ['status'], ['diff']])('a user who asks is told that Incus is not there: coi %s', async (verb) => {
    await using none = await emptyDirectory();
    const { code, stdout, stderr } = await ended(start([verb], { env: none.env, uid: nobody }));
    expect({ code, stdout }).toEqual({ code: verb === 'diff' ? 2 : 1, stdout: '' });
    expect(stderr).toBe(
      `coi: No controller answers at ${none.directory}/coi.sock, and Incus does not at ${none.env.INCUS_SOCKET} either (ENOENT)\n` +
        '  Start Incus, then the controller: sudo systemctl start coi, or without systemd: sudo coi controller\n',
    );
  });

  it('a user who may not use Incus is told which group may', async () => {
    await using none = await emptyDirectory();
    await writeFile(none.env.INCUS_SOCKET, '');
    await chmod(none.env.INCUS_SOCKET, 0o600);
    const { code, stderr } = await ended(start(['list'], { env: none.env, uid: nobody }));
    expect(code).toBe(1);
    expect(stderr).toContain(`your user may not use Incus' socket ${none.env.INCUS_SOCKET} either (EACCES)\n`);
    expect(stderr).toContain('sudo usermod -aG incus-admin "$USER"');
  });

  it('a user may read events where the log may be read', async () => {
    await using none = await emptyDirectory();
    const { line } = chainLine(noHead, '2026-03-01T00:00:00.000Z', {
      key: 'sandbox/a',
      kind: 'create',
      phase: 'started',
      why: 'it is declared',
      actor: 'controller',
    });
    await mkdir(join(none.directory, 'audit'));
    await writeFile(join(none.directory, 'audit/coi.jsonl'), `${line}\n`);
    const env = { ...none.env, COI_STATE_DIR: none.directory };
    expect(await ended(start(['events'], { env, uid: nobody }))).toEqual({
      code: 0,
      signal: null,
      stdout: '2026-03-01T00:00:00.000Z  a  create started: it is declared\n',
      stderr: '',
    });
  });

  it('a user outside the group is told which one it is', async () => {
    await using peer = await openPeer();
    await chmod(peer.directory, 0o755);
    const { code, stderr } = await ended(start(['list'], { env: peer.env, uid: nobody }));
    expect(code).toBe(1);
    expect(stderr).toContain(`Your user may not use the controller's socket ${peer.directory}/coi.sock\n`);
    expect(stderr).toContain('sudo usermod -aG incus-admin "$USER"');
  });

  it('a user in the group may use it', async () => {
    await using peer = await openPeer();
    await chmod(peer.directory, 0o755);
    await chown(join(peer.directory, 'coi.sock'), 0, nobody);
    const { code, stdout } = await ended(start(['list'], { env: peer.env, uid: nobody }));
    expect(code).toBe(0);
    expect(stdout).toContain('coi-web (ephemeral)');
  });

  it('root is told what keeps this command from doing it itself', async () => {
    await using none = await emptyDirectory();
    const env = { ...none.env, COI_STATE_DIR: join(none.directory, 'state') };
    const { code, stderr } = await ended(start(['list'], { env }));
    expect(code).toBe(1);
    expect(stderr).toContain(join(none.directory, 'incus'));
    expect(stderr).not.toContain('    at ');
  });
});
