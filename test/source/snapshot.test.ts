import { renameSync, writeFileSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { FileCache } from '../../src/source/file-cache.ts';
import { listManifests } from '../../src/source/listing.ts';
import { codesOf, declares, Directory, namesOf, never, parse } from './fixtures/directory.ts';

describe('a directory that changes while it is read', () => {
  it('is read again, so that all of it belongs together', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    let isFirst = true;
    const source = await directory.open({
      parse: (file) => {
        if (isFirst) renameSync(directory.at('a.toml'), directory.at('b.toml'));
        isFirst = false;
        return parse(file);
      },
    });
    const read = await source.read(never);
    expect([read.kind, namesOf(read)]).toEqual(['complete', ['one']]);
    expect(read.kind === 'complete' && read.manifests.get('one')?.position.file).toBe(directory.at('b.toml'));
  });

  it('and never rests is not read in full', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    let round = 0;
    const source = await directory.open({
      parse: (file) => {
        round += 1;
        writeFileSync(directory.at('a.toml'), `${declares('one')}# ${'x'.repeat(round)}\n`);
        return parse(file);
      },
    });
    const read = await source.read(never);
    expect([read.kind, codesOf(read), namesOf(read)]).toEqual(['partial', ['source.unstable'], ['one']]);
    expect(round).toBe(4);
  });
});

describe('a listing', () => {
  it('holds nothing that lies outside, so that it is never opened', async () => {
    await using directory = await Directory.create();
    await writeFile(directory.beside('x.toml'), declares('x'), { mode: 0o644 });
    await symlink('../x.toml', directory.at('x.toml'));
    await mkdir(directory.beside('desired-too'));
    await writeFile(directory.beside('desired-too/y.toml'), declares('y'), { mode: 0o644 });
    await symlink('../desired-too/y.toml', directory.at('y.toml'));
    const { files, problems } = await listManifests({ shown: directory.path, real: directory.path });
    expect(files).toEqual([]);
    expect(problems.map(({ code }) => code)).toEqual(['source.outside', 'source.outside']);
  });

  it('ends where folders lie too deep', async () => {
    await using directory = await Directory.create();
    const deep = 'a/b/c/d/e/f/g/h';
    await directory.write(`${deep}/x.toml`, declares('x'));
    await directory.write(`${deep}/i/y.toml`, declares('y'));
    const read = await (await directory.open()).read(never);
    expect([read.kind, namesOf(read), codesOf(read)]).toEqual(['partial', ['x'], ['source.too-many']]);
  });
});

describe('a file that looks unchanged', () => {
  const init = { source: 'x', parse, homeOf: async () => '/root', clock: systemClock };
  const read = async (cache: FileCache, directory: Directory, ageMs: number) => {
    const real = directory.at('a.toml');
    const changedMs = Date.now() - ageMs;
    const [file] = await cache.read(directory.path, [{ name: 'a.toml', path: real, real, stamp: 'same', changedMs }]);
    return file?.names;
  };

  it('is not read again, unless it is too young for that to mean anything', async () => {
    await using directory = await Directory.create();
    for (const [ageMs, expected] of [
      [100, 'two'],
      [1_500, 'two'],
      [10_000, 'one'],
    ] as const) {
      const cache = new FileCache(init);
      await directory.write('a.toml', declares('one'));
      await read(cache, directory, ageMs);
      await directory.write('a.toml', declares('two'));
      expect(await read(cache, directory, ageMs)).toEqual([expected]);
    }
  });
});
