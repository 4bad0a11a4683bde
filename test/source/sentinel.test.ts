import { cp, readFile, rename, rm, writeFile, mkdir, symlink } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openDirectorySources } from '../../src/source/directory-sources.ts';
import { codesOf, declares, Directory, namesOf, never, parse } from './fixtures/directory.ts';

describe('the sentinel', () => {
  it('is written at the first complete read and keeps the id when the directory moves', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', 'not TOML');
    const source = await directory.open();
    const partial = await source.read(never);
    expect(partial).toMatchObject({ kind: 'partial', sentinel: false });
    await expect(readFile(directory.at('.coi-source'))).rejects.toThrow('ENOENT');
    await directory.write('a.toml', declares('one'));
    expect(await source.read(never)).toMatchObject({ kind: 'complete', sentinel: true });
    await rename(directory.path, directory.beside('moved'));
    expect((await directory.open({ path: directory.beside('moved') })).id).toBe(source.id);
    expect(source.id).toMatch(/^dir-[0-9a-f]{16}$/);
  });

  it('makes an emptied directory a complete one', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    const source = await directory.open();
    await source.read(never);
    directory.owns = true;
    await rm(directory.at('a.toml'));
    const read = await source.read(never);
    expect([read.kind, namesOf(read)]).toEqual(['complete', []]);
    expect(read).toMatchObject({ sentinel: true });
  });

  it('is written into an empty directory as long as nothing came from it', async () => {
    await using directory = await Directory.create();
    expect(await (await directory.open()).read(never)).toMatchObject({ kind: 'complete', sentinel: true });
  });

  it('tells an unmounted directory from an empty one, which then keeps what it said', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    const source = await directory.open();
    await source.read(never);
    directory.owns = true;
    await rename(directory.path, directory.beside('away'));
    await mkdir(directory.path);
    const unmounted = await source.read(never);
    expect([unmounted.kind, namesOf(unmounted)]).toEqual(['partial', ['one']]);
    expect(codesOf(unmounted)).toEqual(['source.SentinelMissing']);
    expect(unmounted).toMatchObject({ sentinel: false });
    await expect(readFile(directory.at('.coi-source'))).rejects.toThrow('ENOENT');
    await rm(directory.path, { recursive: true });
    await rename(directory.beside('away'), directory.path);
    expect(await source.read(never)).toMatchObject({ kind: 'complete', sentinel: true });
  });

  it('of another source fails the read', async () => {
    await using directory = await Directory.create();
    const source = await directory.open();
    await source.read(never);
    await writeFile(directory.at('.coi-source'), 'dir-another\n');
    expect(codesOf(await source.read(never))).toEqual(['source.sentinel-other']);
  });

  it('that makes no sense is a warning and proves nothing', async () => {
    await using directory = await Directory.create();
    await writeFile(directory.at('.coi-source'), 'session/1000\n');
    const source = await directory.open();
    expect(source.id).toMatch(/^dir-/);
    const read = await source.read(never);
    expect(read).toMatchObject({ kind: 'complete', sentinel: false });
    expect(read.kind === 'complete' && read.warnings?.map(({ code }) => code)).toEqual(['source.sentinel-invalid']);
    directory.owns = true;
    expect(codesOf(await source.read(never))).toEqual(['source.SentinelMissing']);
  });

  it('is never followed through a link', async () => {
    await using directory = await Directory.create();
    await writeFile(directory.beside('secret'), 'dir-stolen\n');
    await symlink('../secret', directory.at('.coi-source'));
    expect((await directory.open()).id).not.toBe('dir-stolen');
  });
});

describe('several directories', () => {
  const init = { parse, homeOf: async () => '/root', ownsSomething: () => false, clock: systemClock };

  it('are sources of their own', async () => {
    await using directory = await Directory.create();
    await mkdir(directory.beside('other'));
    const paths = [directory.path, directory.beside('other'), directory.path];
    const sources = await openDirectorySources(paths, init);
    expect(sources.map(({ path }) => path)).toEqual(paths.slice(0, 2));
    expect(new Set(sources.map(({ id }) => id)).size).toBe(2);
  });

  it('are refused when one is a copy of the other, mark included', async () => {
    await using directory = await Directory.create();
    await (await directory.open()).read(never);
    await cp(directory.path, directory.beside('copy'), { recursive: true });
    const opening = openDirectorySources([directory.path, directory.beside('copy')], init);
    await expect(opening).rejects.toMatchObject({ code: 'source.same-id' });
    await rm(directory.beside('copy/.coi-source'));
    expect(await openDirectorySources([directory.path, directory.beside('copy')], init)).toHaveLength(2);
  });
});

describe('a directory that cannot be read', () => {
  it('is a failed read when it is not there, and fine once it is', async () => {
    await using directory = await Directory.create();
    await rm(directory.path, { recursive: true });
    const source = await directory.open();
    expect(codesOf(await source.read(never))).toEqual(['source.missing']);
    await mkdir(directory.path);
    expect((await source.read(never)).kind).toBe('complete');
  });

  it('keeps what was known while it is away', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    const source = await directory.open();
    await source.read(never);
    await rename(directory.path, directory.beside('away'));
    expect((await source.read(never)).kind).toBe('failed');
    await rename(directory.beside('away'), directory.path);
    await directory.write('a.toml', 'not TOML');
    expect(namesOf(await source.read(never))).toEqual(['one']);
  });

  it('is a failed read when it is a file', async () => {
    await using directory = await Directory.create();
    await directory.write('file', '');
    const read = await (await directory.open({ path: directory.at('file') })).read(never);
    expect([read.kind, codesOf(read)]).toEqual(['failed', ['source.not-a-directory']]);
  });
});
