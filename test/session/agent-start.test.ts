import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InsideFile } from '../../src/apply/agent-recipe.ts';
import { agentStart } from '../../src/session/agent-recipes.ts';
import { packFiles } from '../../src/session/pack-files.ts';
import { sessionIdOf } from '../../src/plan/session-id.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import type { SessionPart } from '../../src/spec/sandbox.ts';
import type { SandboxLayer } from '../../src/spec/schema/sandbox.ts';

const uid = 4321;
let home: string;
let inside: string;

beforeEach(async () => {
  [home, inside] = [await mkdtemp(join(tmpdir(), 'coi-home-')), await mkdtemp(join(tmpdir(), 'coi-inside-'))];
});
afterEach(async () => {
  for (const path of [home, inside]) await rm(path, { recursive: true, force: true });
});

async function file(path: string, text: string): Promise<void> {
  await mkdir(join(home, path, '..'), { recursive: true });
  await writeFile(join(home, path), text);
  execFileSync('chown', ['-R', `${uid}:${uid}`, home]);
}

interface Given {
  readonly environment?: Readonly<Record<string, string>>;
  readonly before?: Readonly<Record<string, string>>;
  readonly goesOn?: boolean;
  /** What the agent wrote before, newest or not. */
  readonly files?: readonly InsideFile[];
  readonly session?: Partial<SessionPart>;
}

async function start(layer: SandboxLayer, given: Given = {}) {
  const { environment = {}, before = {}, goesOn = false, files = [], session } = given;
  const resolved = resolveSandbox({ layers: [layer], home, session: false });
  const sandbox = { ...resolved, ...(session && { session: { id: 'own-id', ...session } }) };
  const insideFiles = {
    read: async (path: string) => (before[path] === undefined ? undefined : Buffer.from(before[path])),
    newest: async () => files,
  };
  return agentStart({
    sandbox,
    owner: { uid, home },
    environment,
    uid: 'UID',
    inside: insideFiles,
    goesOn,
  });
}

/** Unpacks as the container does. */
function unpack(files: Uint8Array | undefined): string[] {
  if (files) execFileSync('tar', ['-xf', '-', '-C', inside], { input: files });
  return execFileSync('find', ['.', '-type', 'f'], { cwd: inside, encoding: 'utf8' }).trim().split('\n').toSorted();
}

const json = async (path: string) => JSON.parse(await readFile(join(inside, path), 'utf8')) as unknown;

describe('agentStart()', () => {
  it('copies the files that the agent needs, by name, and nothing beside them', async () => {
    await file('.claude/.credentials.json', '{"token":"t"}');
    await file('.claude/settings.json', '{"env":{"A":"1"},"permissions":{"allow":["x"]}}');
    await file('.claude/history.jsonl', 'private');
    await file('.ssh/id', 'private');
    const { files, lack, argv } = await start({ tool: { name: 'claude' }, prompt: 'go on' });
    expect(unpack(files)).toEqual(['./.claude.json', './.claude/.credentials.json', './.claude/settings.json']);
    expect(await json('.claude/settings.json')).toMatchObject({
      env: { A: '1' },
      permissions: { allow: ['x'], defaultMode: 'bypassPermissions' },
      effortLevel: 'medium',
    });
    expect((await stat(join(inside, '.claude/.credentials.json'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(inside, '.claude'))).mode & 0o777).toBe(0o700);
    expect(lack).toBeUndefined();
    expect(argv.slice(-4)).toEqual(['--session-id', sessionIdOf('UID'), '--', 'go on']);
  });

  it('says when there is no credential, and takes one from the environment', async () => {
    const missing = await start({ tool: { name: 'claude' } });
    expect(missing.lack).toMatchObject({ reason: 'CredentialMissing' });
    expect(missing.lack?.message).toContain(`${home}/.claude/.credentials.json`);
    const given = await start({ tool: { name: 'claude' } }, { environment: { ANTHROPIC_API_KEY: 'k' } });
    expect(given.lack).toBeUndefined();
    expect(given.env).toMatchObject({ ANTHROPIC_API_KEY: 'k', CLAUDE_CODE_EFFORT_LEVEL: 'medium', IS_SANDBOX: '1' });
  });

  it('takes one from the settings by which the agent gives itself variables', async () => {
    for (const variable of ['CLAUDE_CODE_USE_BEDROCK', 'ANTHROPIC_API_KEY']) {
      await file('.claude/settings.json', JSON.stringify({ env: { [variable]: '1' } }));
      expect((await start({ tool: { name: 'claude' } })).lack).toBeUndefined();
    }
    await file('.claude/settings.json', '{"env":{"OTHER":"1"}}');
    expect((await start({ tool: { name: 'claude' } })).lack).toMatchObject({ reason: 'CredentialMissing' });
  });

  it('says which file it did not take', async () => {
    await file('.claude/.credentials.json', '{}');
    await file('.ssh/id', 'private');
    await symlink('../.ssh/id', join(home, '.claude/settings.json'));
    const { files, lack } = await start({ tool: { name: 'claude' } });
    expect(lack).toMatchObject({ reason: 'FilesRefused', message: expect.stringContaining('~/.claude/settings.json') });
    unpack(files);
    expect(await readFile(join(inside, '.claude/settings.json'), 'utf8')).not.toContain('private');
  });

  it('adds to what is inside where the owner has nothing', async () => {
    const { files } = await start({ tool: { name: 'claude' } }, { before: { '.claude/settings.json': '{"mine":1}' } });
    unpack(files);
    expect(await json('.claude/settings.json')).toMatchObject({ mine: 1, bypassPermissionsModeAccepted: true });
  });

  it('copies the credentials of an agent that asks, and does not let it go on unasked', async () => {
    await file('.claude/.credentials.json', '{}');
    const { files, argv } = await start({ tool: { name: 'claude', permission_mode: 'interactive' } });
    unpack(files);
    expect(await json('.claude/settings.json')).toEqual({ effortLevel: 'medium' });
    expect(argv).not.toContain('bypassPermissions');
  });

  it('takes nothing of the home directory where it is not to, and does not miss it', async () => {
    await file('.claude/.credentials.json', '{"token":"t"}');
    await file('.claude/settings.json', '{"env":{"A":"1"}}');
    const { files, lack, argv } = await start({
      tool: { name: 'claude', host_files: false, claude: { model: 'opus' } },
    });
    expect(unpack(files)).toEqual(['./.claude.json', './.claude/settings.json']);
    expect(await json('.claude/settings.json')).not.toHaveProperty('env');
    expect(lack).toBeUndefined();
    expect(argv.join(' ')).toContain('--model opus');
  });

  it('goes on with the conversation inside that was written to last, and begins anew where none can be told', async () => {
    const talk = (id: string, modifiedAt: number) => ({ path: `.claude/projects/-workspace/${id}.jsonl`, modifiedAt });
    const [old, recent] = ['ffffffff-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000001'];
    const given = { goesOn: true, files: [talk(old, 1_000), talk(recent, 2_000)], session: {} };
    const claude = { tool: { name: 'claude' } } as const;
    expect((await start(claude, given)).argv.slice(-2)).toEqual(['--resume', recent]);
    expect((await start(claude, { ...given, files: [] })).argv.slice(-2)).toEqual(['--session-id', 'own-id']);
    expect((await start(claude, { ...given, goesOn: false })).argv.slice(-2)).toEqual(['--session-id', 'own-id']);
    expect((await start({ tool: { name: 'opencode' } }, { ...given, files: [] })).argv).toEqual([
      'opencode',
      '--continue',
    ]);
  });

  it('has bash in place of the agent, with all that the agent would have', async () => {
    await file('.claude/.credentials.json', '{"token":"t"}');
    const { argv, env, files } = await start({ tool: { name: 'claude' } }, { session: { debug: true } });
    expect(argv).toEqual(['bash']);
    expect(env).toMatchObject({ CLAUDE_CODE_EFFORT_LEVEL: 'medium' });
    expect(unpack(files)).toContain('./.claude/.credentials.json');
  });

  it('refuses settings that it could only lose', async () => {
    await file('.claude/settings.json', 'not json');
    await expect(start({ tool: { name: 'claude' } })).rejects.toMatchObject({ code: 'tool.settings' });
  });

  it('gives a command nothing but its prompt', async () => {
    await file('.claude/.credentials.json', '{}');
    expect(await start({ tool: { command: ['run', '-x'] }, prompt: '-p' })).toMatchObject({
      argv: ['run', '-x', '-p'],
      files: undefined,
      lack: undefined,
    });
  });
});

describe('packFiles()', () => {
  it('unpacks byte by byte, as whoever unpacks, over what was there, and through no link', async () => {
    const content = Buffer.from(Array.from({ length: 1_500 }, (_, index) => index % 256));
    await chmod(inside, 0o777);
    await mkdir(join(inside, 'elsewhere'));
    await writeFile(join(inside, 'elsewhere/target'), 'untouched');
    await symlink('elsewhere/target', join(inside, 'b'));
    await chown(inside, uid, uid);
    const packed = packFiles([
      { path: 'a/deep/file', content },
      { path: 'b', content },
      { path: 'empty', content: Buffer.alloc(0) },
    ]);
    execFileSync('tar', ['-xf', '-', '-C', inside], { input: packed, uid, gid: uid });
    for (const path of ['a/deep/file', 'b']) expect(await readFile(join(inside, path))).toEqual(content);
    expect((await stat(join(inside, 'a/deep/file'))).uid).toBe(uid);
    expect(await readFile(join(inside, 'elsewhere/target'), 'utf8')).toBe('untouched');
    expect((await stat(join(inside, 'empty'))).size).toBe(0);
  });
});

describe('sessionIdOf()', () => {
  it('is a random UUID in form, the same for the same instance', () => {
    expect(sessionIdOf('A')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(sessionIdOf('A')).toBe(sessionIdOf('A'));
    expect(sessionIdOf('A')).not.toBe(sessionIdOf('B'));
  });
});
