import { chmod, link, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendJsonLines } from '../../src/log/json-lines-file.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-lines-'));
});
afterEach(() => rm(dir, { recursive: true }));

const append = (path: string, ...values: object[]) =>
  appendJsonLines({ path, makeDirectory: false, maxBytes: 100 }, values);

describe('appendJsonLines', () => {
  it('appends one object a line, for its owner alone', async () => {
    const path = join(dir, 'a.log');
    await append(path, { a: 1 }, { b: 2 });
    await append(path, { c: 'x\ny' });
    expect(await readFile(path, 'utf8')).toBe('{"a":1}\n{"b":2}\n{"c":"x\\ny"}\n');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('keeps one full file', async () => {
    const path = join(dir, 'a.log');
    for (const n of [1, 2, 3]) await append(path, { n, text: 'x'.repeat(60) });
    expect(await readFile(path, 'utf8')).toContain('"n":3');
    expect(await readFile(`${path}.1`, 'utf8')).toContain('"n":2');
  });

  it('writes at least once to a file, whatever the length', async () => {
    const path = join(dir, 'a.log');
    await append(path, { text: 'x'.repeat(200) });
    expect(await readFile(path, 'utf8')).toHaveLength(212);
  });

  it('makes its own directory where it may', async () => {
    const path = join(dir, 'log/deep/a.log');
    await expect(append(path, {})).rejects.toThrow(/not there/);
    await appendJsonLines({ path, makeDirectory: true, maxBytes: 100 }, [{}]);
    expect((await stat(join(dir, 'log'))).mode & 0o777).toBe(0o700);
  });

  it('follows no symbolic link, and makes nothing where one leads', async () => {
    await mkdir(join(dir, 'real'));
    await symlink(join(dir, 'real'), join(dir, 'linked'));
    await mkdir(join(dir, 'real/below'));
    await symlink(join(dir, 'real/target'), join(dir, 'real/a.log'));
    for (const path of ['linked/a.log', 'linked/below/a.log', 'real/a.log']) {
      await expect(append(join(dir, path), {})).rejects.toMatchObject({ code: 'log.path' });
    }
    expect(execFileSync('find', [dir, '-type', 'f'], { encoding: 'utf8' })).toBe('');
  });

  it('writes to no file with a second name, and to no directory or pipe', async () => {
    const path = join(dir, 'a.log');
    await writeFile(join(dir, 'other'), 'kept');
    await link(join(dir, 'other'), path);
    await expect(append(path, {})).rejects.toThrow(/one name/);
    expect(await readFile(path, 'utf8')).toBe('kept');
    await mkdir(join(dir, 'd.log'));
    await expect(append(join(dir, 'd.log'), {})).rejects.toMatchObject({ code: 'log.path' });
    execFileSync('mkfifo', [join(dir, 'p.log')]);
    await expect(append(join(dir, 'p.log'), {})).rejects.toMatchObject({ code: 'log.path' });
  });

  it('gives the file to the owner of its directory', async () => {
    const isRoot = process.getuid!() === 0;
    const owner = isRoot ? { uid: 1_234, gid: 1_234 } : { uid: process.getuid!(), gid: process.getgid!() };
    execFileSync('chown', [`${owner.uid}:${owner.gid}`, dir]);
    await chmod(dir, 0o755);
    await append(join(dir, 'a.log'), {});
    const { uid, gid, mode } = await stat(join(dir, 'a.log'));
    expect({ uid, gid, mode: mode & 0o777 }).toEqual({ ...owner, mode: 0o600 });
    await append(join(dir, 'a.log'), {});
    if (!isRoot) return;
    execFileSync('chown', ['4321', join(dir, 'a.log')]);
    await expect(append(join(dir, 'a.log'), {})).rejects.toThrow(/somebody else/);
  });
});
