import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Problem, renderProblem } from '../../src/base/problem.ts';
import { readDefinition } from '../../src/image/read-definition.ts';

let dir: string;
let folder: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-definition-'));
  folder = join(dir, 'web');
});
afterEach(() => rm(dir, { recursive: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** What is said of a definition. */
async function faultsOf(text: string, files: Readonly<Record<string, string>> = {}): Promise<string> {
  await write({ ...files, 'image.toml': text });
  const problem = await readDefinition(folder).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(problem).toBeInstanceOf(Problem);
  return renderProblem(problem as Problem).replaceAll(`${folder}/`, '');
}

const step = (more: string) => `description = "x"\nbase = "b"\n[[step]]\nname = "one"\n${more}\n`;

describe('a definition', () => {
  it('says how long a step may take', async () => {
    await write({ 'image.toml': step('timeout = "90m"') });
    expect((await readDefinition(folder)).steps[0]?.timeoutMs).toBe(5_400_000);
  });

  it('is read with all that it names', async () => {
    await write({
      'image.toml': [
        'description = "for the web"',
        'base = ["coi-base", { definition = "base" }, { remote = "images:debian/12" }, { packages = true }]',
        '[versions]',
        'node = "24.1.0"',
        'claude-code = "2.0"',
        '[[step]]',
        'name = "one"',
        'script = "steps/one"',
        'files = ["files/one"]',
        '[[step]]',
        'name = "two"',
        'script = "steps/two"',
        '[[expect]]',
        'command = ["node", "--version"]',
        'user = "code"',
        '[size]',
        'max = "6GiB"',
      ].join('\n'),
      'steps/one': '#!/bin/sh\necho "$VERSION_NODE"\n',
      'steps/two': '#!/bin/sh\necho "$VERSION_CLAUDE_CODE"\n',
      'files/one/etc/plain': 'plain',
      'files/one/usr/bin/program': '#!/bin/sh\n',
    });
    await chmod(join(folder, 'files/one/usr/bin/program'), 0o755);
    await symlink('/etc/passwd', join(folder, 'files/one/etc/link'));
    const { steps, ...rest } = await readDefinition(folder);
    expect(rest).toEqual({
      name: 'web',
      alias: 'web',
      description: 'for the web',
      bases: [
        { kind: 'image', alias: 'coi-base' },
        { kind: 'definition', name: 'base' },
        { kind: 'remote', name: 'images:debian/12' },
        { kind: 'packages' },
      ],
      versions: { node: '24.1.0', 'claude-code': '2.0' },
      expectations: [{ command: ['node', '--version'], user: 'code' }],
      maxBytes: 6 * 2 ** 30,
    });
    expect(steps.map(({ versions }) => versions)).toEqual([{ VERSION_NODE: '24.1.0' }, { VERSION_CLAUDE_CODE: '2.0' }]);
    expect(steps[0]!.trees[0]!.entries).toMatchObject([
      { kind: 'link', path: 'etc/link', target: '/etc/passwd' },
      { kind: 'file', path: 'etc/plain', isExecutable: false },
      { kind: 'file', path: 'usr/bin/program', isExecutable: true },
    ]);
  });

  it('is refused with the place of what is wrong', async () => {
    expect(await faultsOf('description = "x"\nbase = 3\nsteps = []\n')).toMatch(
      /^image\.toml:2:8: base is 3, but must be "ALIAS", .*\n.*\nimage\.toml:3:1: steps is not a known key\n/,
    );
    expect(await faultsOf(step('script = "steps/none"'))).toMatch(/^image\.toml:5:10: Cannot read "steps\/none": /);
    expect(await faultsOf(`${step('')}[[step]]\nname = "one"\n`)).toContain('each with a name of its own');
    expect(await faultsOf('description = "x"\nbase = "b"\n[size]\nmax = "many"\n')).toContain('a size such as "6GiB"');
  });

  it.each(['../secret', 'steps/link', 'steps/../../secret'])(
    'takes nothing from outside of its folder: %s',
    async (path) => {
      await writeFile(join(dir, 'secret'), 'of the host');
      await mkdir(join(folder, 'steps'), { recursive: true });
      await symlink('../../secret', join(folder, 'steps/link'));
      expect(await faultsOf(step(`script = "${path}"`))).toContain("leads out of the definition's folder");
      expect(await faultsOf(step(`files = ["${path}"]`))).toContain("leads out of the definition's folder");
    },
  );

  it('shows nothing of a file that its image.toml leads to, and waits for nobody', async () => {
    await mkdir(folder);
    await writeFile(join(dir, 'secret'), 'root:$6$salt:19000\n');
    await symlink('../secret', join(folder, 'image.toml'));
    await expect(readDefinition(folder)).rejects.toThrow(/image\.toml: it lies outside of the folder$/);
    await rm(join(folder, 'image.toml'));
    await execa('mkfifo', [join(folder, 'image.toml')]);
    await expect(readDefinition(folder)).rejects.toThrow('it is no regular file');
    await rm(join(folder, 'image.toml'));
    await symlink('/dev/zero', join(folder, 'image.toml'));
    await expect(readDefinition(folder)).rejects.toThrow('it is no regular file');
  });

  it('is not read where it is too large to be one', async () => {
    await write({ 'image.toml': '', 'files/sparse': '' });
    await truncate(join(folder, 'image.toml'), 2 ** 40);
    await expect(readDefinition(folder)).rejects.toThrow('larger than 1.0 MiB');
    await write({ 'image.toml': step('files = ["files"]') });
    await truncate(join(folder, 'files/sparse'), 2 ** 40);
    await expect(readDefinition(folder)).rejects.toThrow('Cannot read "files/sparse": it is larger than 256.0 MiB');
  });

  it.each(['My Image', 'coi-20260101-000000', 'x'.repeat(64)])(
    'needs an alias where its folder is called %j',
    async (name) => {
      folder = join(dir, name);
      await write({ 'image.toml': 'description = "d"\nbase = "b"\n' });
      await expect(readDefinition(folder)).rejects.toMatchObject({ code: 'image.name' });
      await write({ 'image.toml': 'description = "d"\nbase = "b"\nalias = "mine"\n' });
      expect(await readDefinition(folder)).toMatchObject({ name, alias: 'mine' });
    },
  );

  it('has no alias that is one of a version', async () => {
    expect(await faultsOf('description = "x"\nbase = "b"\nalias = "coi-20260101-000000"\n')).toContain('alias is');
  });

  it('is not there without its file', async () => {
    await expect(readDefinition(join(dir, 'none'))).rejects.toMatchObject({ code: 'image.no-definition' });
  });
});
