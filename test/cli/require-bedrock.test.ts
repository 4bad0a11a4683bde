import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { renderProblem, type ProblemList } from '../../src/base/problem.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { Io } from '../../src/cli/io.ts';
import { requireBedrock } from '../../src/cli/require-bedrock.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import { coi, openPeer } from './peer.ts';

const uid = 4321;
const isOn = { env: { CLAUDE_CODE_USE_BEDROCK: '1', AWS_REGION: 'eu-west-1' } };
let place: string;
let home: string;

beforeEach(async () => {
  place = await mkdtemp(join(tmpdir(), 'coi-bedrock-'));
  home = join(place, 'home');
  await chmod(place, 0o755);
  for (const path of [home, join(place, 'bin')]) await mkdir(path);
  await writeFile(join(place, 'passwd'), `ann:x:${uid}:${uid}::${home}:/bin/sh\n`);
});
afterEach(() => rm(place, { recursive: true, force: true }));

/** A file of the owner's. */
async function file(path: string, text: string, mode = 0o600): Promise<void> {
  await mkdir(dirname(join(home, path)), { recursive: true });
  await writeFile(join(home, path), text, { mode });
  await chmod(join(home, path), mode);
  for (let each = path; each !== '.'; each = dirname(each)) await chown(join(home, each), uid, uid);
}

/** A program that stands in for the AWS CLI. */
async function aws(script: string): Promise<void> {
  await writeFile(join(place, 'bin/aws'), `#!/bin/sh\n${script}\n`);
  await chmod(join(place, 'bin/aws'), 0o755);
}

interface Asked {
  readonly environment?: Readonly<Record<string, string>>;
  readonly isMounted?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

/** What is printed, and what is thrown: its problems as people read them. */
async function required({ environment = {}, isMounted = false, env = {} }: Asked = {}) {
  let printed = '';
  const output = {
    write: (text: string) => (printed += text),
    pass: async () => undefined,
    isTTY: false,
    columns: 80,
  };
  const io: Io = {
    stdin: Readable.from([]),
    stdout: output,
    stderr: output,
    terminal: undefined,
    env: { PATH: join(place, 'bin'), ...env },
    cwd: '/',
    signal: new AbortController().signal,
    clock: systemClock,
  };
  const mounts = isMounted ? { '/home/code/.aws': { host: join(home, '.aws') } } : {};
  const sandbox = resolveSandbox({ layers: [{ tool: { name: 'claude' }, mounts }], home, session: true });
  const request = { uid, by: 'ann', hash: 'a', prefix: 'coi-', manifest: '', environment };
  const asked = { sandbox, request, settings: undefined as never };
  const problems = await requireBedrock(io, asked, join(place, 'passwd')).then(
    () => [],
    (error: unknown) => (error as ProblemList).problems.map(renderProblem),
  );
  return { printed, problems };
}

describe('Bedrock', () => {
  it('keeps a session from starting by all that is missing, with what to do about each', async () => {
    await file('.claude/settings.json', JSON.stringify(isOn));
    const { printed, problems } = await required();
    expect(printed).toBe(
      'coi: claude is to use Amazon Bedrock, by CLAUDE_CODE_USE_BEDROCK in ~/.claude/settings.json, and cannot:\n',
    );
    expect(problems).toEqual([
      expect.stringMatching(/AWS CLI is missing[^]*\n {2}\S/),
      expect.stringMatching(/There is no directory [^]*\.aws[^]*\n {2}\S/),
      expect.stringMatching(/Nothing is mounted at \/home\/code\/\.aws[^]*\n {2}\S/),
    ]);
    await aws('echo "region is $AWS_REGION" >&2; exit 254');
    expect((await required({ env: { AWS_PROFILE: 'work', AWS_REGION: 'x', AWS_PAGER: 'less' } })).problems).toEqual([
      expect.stringContaining('There is no directory'),
      expect.stringMatching(/region is eu-west-1\n.*: -e AWS_PROFILE=…$/),
      expect.stringContaining('Nothing is mounted'),
    ]);
  });

  it('warns of what is no reason to stay away', async () => {
    await file('.claude/settings.json', JSON.stringify({ anthropic: { apiProvider: 'bedrock' } }));
    await file('.aws/sso/cache/token.json', '{}', 0o644);
    await aws('exit 0');
    const { printed, problems } = await required({ isMounted: true });
    expect(problems).toEqual([]);
    expect(printed).toMatch(/^coi: warning: Others [^]*token\.json\n {2}[^\n]*\n$/);
  });

  it('is not asked for where nothing switches it on, or where it needs no login of AWS', async () => {
    await aws('exit 1');
    const nothing = { printed: '', problems: [] };
    expect(await required()).toEqual(nothing);
    await file('.claude/settings.json', JSON.stringify(isOn));
    expect((await required()).problems).toHaveLength(3);
    expect(await required({ environment: { AWS_BEARER_TOKEN_BEDROCK: 'key' } })).toEqual(nothing);
    expect(await required({ environment: { CLAUDE_CODE_SKIP_BEDROCK_AUTH: '1' } })).toEqual(nothing);
    await file('.claude/settings.json', '{"env":');
    expect(await required()).toEqual(nothing);
  });

  it('ends coi shell with exit code 1 before anything is declared', async () => {
    await using peer = await openPeer();
    const env = { ...peer.env, PATH: join(place, 'bin'), INCUS_SOCKET: join(place, 'none') };
    const shell = (...flags: string[]) => coi(['shell', '--background', ...flags], { env, cwd: home });
    const on = ['-e', 'CLAUDE_CODE_USE_BEDROCK=1'];
    const { code, stderr } = await shell(...on);
    expect(code).toBe(1);
    expect(stderr).toMatch(/by CLAUDE_CODE_USE_BEDROCK [^]*AWS CLI is missing[^]*Nothing is mounted/);
    expect(peer.asked).toEqual([]);

    await aws('exit 0');
    await shell(...on, '-e', 'AWS_ACCESS_KEY_ID=a', '-e', 'AWS_SECRET_ACCESS_KEY=b');
    await shell(...on, '--tool', 'aider');
    expect(peer.asked.filter(([method]) => method === 'openSession')).toHaveLength(2);
  });
});
