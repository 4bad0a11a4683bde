import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTrusted, trustPath } from '../../src/cli/trust-store.ts';
import { readProjectFile } from '../../src/cli/project-file.ts';
import { coi } from './peer.ts';

let directory: string;
let project: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coi-trust-'));
  project = join(directory, 'project');
  await mkdir(project);
  env = { COI_ETC: directory, HOME: directory, COI_RUN_DIR: directory };
});
afterEach(() => rm(directory, { recursive: true }));

const write = (text: string | Uint8Array) => writeFile(join(project, '.coi.toml'), text);
const here = (...argv: string[]) => coi(argv, { env, cwd: project });

async function trusts(): Promise<boolean> {
  const file = await readProjectFile(project);
  return file !== undefined && isTrusted({ env }, file);
}

describe('coi trust', () => {
  it('says what it lets through, and pins the bytes', async () => {
    await write('[network]\nmode = "open"\n\n[limits.cpu]\ncount = "2"\n');
    expect(await trusts()).toBe(false);
    const { code, stdout, stderr } = await here('trust');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      `Trusted ${project}/.coi.toml as it is now; it may set, for you:\n` +
        '  line 2: network.mode: it reaches more than what you allow (restricted)\n',
    );
    expect(await trusts()).toBe(true);
  });

  it('says also what its profiles may, whoever takes them', async () => {
    await writeFile(join(directory, 'config.toml'), '[profiles.strict.network]\nmode = "none"\n');
    await write('[profiles.dev.network]\nmode = "open"\n[profiles.strict]\n[profiles.less]\nimage = "x"\n');
    const { code, stdout } = await here('trust');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        `Trusted ${project}/.coi.toml as it is now; it may set, for you:\n` +
        '  line 2: profiles.dev.network.mode: it reaches more than what you allow (restricted)\n' +
        '  line 3: profiles.strict: it takes the place of your profile\n',
    });
  });

  it('ends with any change of the file, and comes back with the same bytes', async () => {
    await write('[network]\nmode = "open"\n');
    await here('trust', project);
    for (const changed of [
      '[network]\nmode = "open"',
      '[network]\nmode = "open"\n\n',
      '[network]\r\nmode = "open"\r\n',
      '',
    ]) {
      await write(changed);
      expect(await trusts()).toBe(false);
    }
    await write('[network]\nmode = "open"\n');
    expect(await trusts()).toBe(true);
  });

  it('is for one place: the same bytes elsewhere are not trusted', async () => {
    await write('[network]\nmode = "open"\n');
    await here('trust');
    const other = join(directory, 'other');
    await mkdir(other);
    await writeFile(join(other, '.coi.toml'), await readFile(join(project, '.coi.toml')));
    expect(await isTrusted({ env }, (await readProjectFile(other))!)).toBe(false);
    const link = join(directory, 'link');
    await symlink(project, link);
    expect(await isTrusted({ env }, (await readProjectFile(link))!)).toBe(true);
  });

  it('lists what is trusted, changed and gone, and takes it back', async () => {
    expect((await here('trust', '--list')).stdout).toBe('Nothing is trusted\n');
    await write('');
    const { stdout } = await here('trust');
    expect(stdout).toContain('it asks for nothing that needs trust');
    const state = async () => JSON.parse((await here('trust', '--list', '--format', 'json')).stdout) as unknown[];
    const file = `${project}/.coi.toml`;
    expect(await state()).toEqual([expect.objectContaining({ file, state: 'trusted' })]);
    await write('#\n');
    expect(await state()).toEqual([expect.objectContaining({ file, state: 'changed' })]);
    await rm(file);
    expect(await state()).toEqual([expect.objectContaining({ file, state: 'gone' })]);
    expect(await here('trust', '--remove')).toMatchObject({ code: 0, stdout: `No longer trusted: ${file}\n` });
    expect(await here('trust', '--remove')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not trusted'),
    });
    expect(await state()).toEqual([]);
  });

  it('refuses what cannot be judged', async () => {
    expect(await here('trust')).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no .coi.toml') });
    await write('[network\n');
    expect(await here('trust')).toMatchObject({ code: 1, stderr: expect.stringContaining('.coi.toml:1:') });
    await rm(join(project, '.coi.toml'));
    await symlink('/etc/passwd', join(project, '.coi.toml'));
    const linked = await here('trust');
    expect(linked).toMatchObject({ code: 1, stderr: expect.stringContaining('no ordinary file') });
    expect(linked.stderr).not.toContain('root:');
    expect(await here('trust', '--list', project)).toMatchObject({ code: 2 });
  });

  it('does not believe what somebody else could have written', async () => {
    await write('[network]\nmode = "open"\n');
    await here('trust');
    const store = trustPath(env);
    await chmod(store, 0o666);
    await expect(trusts()).rejects.toThrow('could have been written by somebody else');
    await chmod(store, 0o600);
    await writeFile(store, '{"version":1,"files":{"x":{"sha256":"no"}}}');
    await expect(trusts()).rejects.toThrow('cannot be understood');
    await rm(store);
    await symlink(join(project, 'trusted.json'), store);
    await writeFile(join(project, 'trusted.json'), '{"version":1,"files":{}}');
    await expect(trusts()).rejects.toThrow('cannot be read');
  });

  it('holds for the same bytes only, whatever they are', async () => {
    const bytes = fc.uint8Array({ maxLength: 64 });
    await fc.assert(
      fc.asyncProperty(bytes, bytes, async (trusted, found) => {
        await write(trusted);
        const { hash } = (await readProjectFile(project))!;
        await write(found);
        const read = (await readProjectFile(project))!;
        expect(read.hash === hash).toBe(Buffer.compare(trusted, found) === 0);
      }),
      { numRuns: 50 },
    );
  });
});
