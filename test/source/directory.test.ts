import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { codesOf, declares, declaresMemory, Directory, namesOf, never } from './fixtures/directory.ts';

const run = promisify(execFile);

describe('a directory of manifests', () => {
  it('gives all sandboxes of all files and folders', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one', 'two'));
    await directory.write('team/b.toml', declares('three'));
    const source = await directory.open();
    const read = await source.read(never);
    expect(read.kind).toBe('complete');
    expect(namesOf(read)).toEqual(['one', 'three', 'two']);
    if (read.kind !== 'complete') return;
    const three = read.manifests.get('three');
    expect(three?.source).toBe(source.id);
    expect(three?.position).toEqual({ file: directory.at('team/b.toml'), line: 2 });
  });

  it('passes over hidden files, other files and what editors leave behind', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    for (const name of [
      '.a.toml.swp',
      'a.toml~',
      '#a.toml#',
      '.#a.toml',
      '4913',
      'b.tmp',
      'README.md',
      '.git/c.toml',
    ]) {
      await directory.write(name, 'this is no TOML');
    }
    const read = await (await directory.open()).read(never);
    expect(read.kind).toBe('complete');
    expect(namesOf(read)).toEqual(['one']);
  });

  it('has a revision that follows names and contents only', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    const revision = async () => {
      const read = await (await directory.open()).read(never);
      return read.kind === 'failed' ? read.problem : read.revision;
    };
    const first = await revision();
    await directory.save('a.toml', declares('one'));
    expect(await revision()).toBe(first);
    await directory.save('a.toml', declares('two'));
    expect(await revision()).not.toBe(first);
  });

  it('sees every kind of save at the next read', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declaresMemory('one', '1GiB'));
    const source = await directory.open();
    const memory = async () => {
      const read = await source.read(never);
      return read.kind === 'complete' ? read.manifests.get('one')?.sandbox.limits.memory?.limit : codesOf(read);
    };
    expect(await memory()).toBe('1GiB');
    // The same size, in the same clock tick: nothing but the content tells them apart.
    await directory.write('a.toml', declaresMemory('one', '2GiB'));
    expect(await memory()).toBe('2GiB');
    await directory.save('a.toml', declaresMemory('one', '3GiB'));
    expect(await memory()).toBe('3GiB');
    // vim: the old file becomes the backup, a new one is written in its place.
    await rename(directory.at('a.toml'), directory.at('a.toml~'));
    await directory.write('a.toml', declaresMemory('one', '4GiB'));
    await rm(directory.at('a.toml~'));
    expect(await memory()).toBe('4GiB');
  });

  it('hands the owner of a file to the parser', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one'));
    await run('chown', ['1234', directory.at('a.toml')]);
    const owners: unknown[] = [];
    const source = await directory.open({
      homeOf: async (uid) => `/home/${uid}`,
      parse: ({ owner }) => {
        owners.push(owner);
        return { manifests: [], problems: [], names: [] };
      },
    });
    await source.read(never);
    expect(owners).toEqual([{ uid: 1234, home: '/home/1234' }]);
  });

  it('stops when it is told to', async () => {
    await using directory = await Directory.create();
    const source = await directory.open();
    await expect(source.read(AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
    expect((await source.read(never)).kind).toBe('complete');
  });
});

describe('a file that is not valid', () => {
  it('keeps what it said last and makes the read partial, while others go on', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declaresMemory('one', '1GiB'));
    await directory.write('b.toml', declaresMemory('two', '1GiB'));
    const source = await directory.open();
    await source.read(never);
    await directory.write('a.toml', 'apiVersion = "coi/v1"\n[sandbox.one');
    await directory.write('b.toml', declaresMemory('two', '2GiB'));
    const read = await source.read(never);
    expect(read.kind).toBe('partial');
    expect(codesOf(read)).toEqual(['spec.syntax']);
    if (read.kind !== 'partial') return;
    expect(read.manifests.get('one')?.sandbox.limits.memory?.limit).toBe('1GiB');
    expect(read.manifests.get('two')?.sandbox.limits.memory?.limit).toBe('2GiB');
    expect(read.problems[0]?.position?.file).toBe(directory.at('a.toml'));
  });

  it('keeps it per sandbox where its names can be read, and across a rename', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declares('one', 'two'));
    const source = await directory.open();
    await source.read(never);
    await rm(directory.at('a.toml'));
    await directory.write('b.toml', `${declares('one')}colour = "red"\n`);
    const read = await source.read(never);
    expect(read.kind).toBe('partial');
    expect(namesOf(read)).toEqual(['one']);
  });

  it('says nothing when nothing was known of it', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', 'not TOML');
    await directory.write('b.toml', declares('two'));
    const read = await (await directory.open()).read(never);
    expect([read.kind, namesOf(read)]).toEqual(['partial', ['two']]);
  });

  it('is given a moment to be finished', async () => {
    await using directory = await Directory.create();
    const whole = declares('one', 'two');
    await directory.write('a.toml', whole.slice(0, -4));
    const source = await directory.open();
    const reading = source.read(never);
    setTimeout(() => void writeFile(directory.at('a.toml'), whole), 80);
    const read = await reading;
    expect([read.kind, namesOf(read)]).toEqual(['complete', ['one', 'two']]);
  });

  it('is complete again once it is put right', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', 'not TOML');
    const source = await directory.open();
    expect((await source.read(never)).kind).toBe('partial');
    await directory.write('a.toml', declares('one'));
    expect((await source.read(never)).kind).toBe('complete');
  });
});

describe('a name that is declared twice', () => {
  it('counts in neither file, and what was known before stays', async () => {
    await using directory = await Directory.create();
    await directory.write('a.toml', declaresMemory('one', '1GiB'));
    const source = await directory.open();
    await source.read(never);
    await directory.write('b.toml', declaresMemory('one', '2GiB'));
    const read = await source.read(never);
    expect(codesOf(read)).toEqual(['source.duplicate']);
    if (read.kind !== 'partial') return;
    expect(read.problems[0]?.message).toContain(`${directory.at('a.toml')}:2 and ${directory.at('b.toml')}:2`);
    expect(read.manifests.get('one')?.sandbox.limits.memory?.limit).toBe('1GiB');
    const fresh = await (await directory.open()).read(never);
    expect(namesOf(fresh)).toEqual([]);
  });
});

describe('what is refused', () => {
  const refusals: readonly (readonly [string, string, (directory: Directory) => Promise<unknown>])[] = [
    [
      'a file over 1 MiB',
      'source.too-large',
      async (directory) => {
        await directory.write('x.toml', declares('x'));
        await truncate(directory.at('x.toml'), 1024 * 1024 + 1);
      },
    ],
    ['a FIFO', 'source.not-a-file', (directory) => run('mkfifo', [directory.at('x.toml')])],
    [
      'a link out of the directory',
      'source.outside',
      async (directory) => {
        await writeFile(directory.beside('x.toml'), declares('x'));
        await symlink('../x.toml', directory.at('x.toml'));
      },
    ],
    [
      'a linked folder outside',
      'source.outside',
      async (directory) => {
        await mkdir(directory.beside('other'));
        await writeFile(directory.beside('other/x.toml'), declares('x'));
        await symlink('../other', directory.at('folder'));
      },
    ],
    ['a link that leads nowhere', 'source.unreadable', (directory) => symlink('gone', directory.at('x.toml'))],
    [
      'a file that everybody may write to',
      'source.world-writable',
      async (directory) => {
        await directory.write('x.toml', declares('x'));
        await chmod(directory.at('x.toml'), 0o666);
      },
    ],
    [
      'a folder that everybody may write to',
      'source.world-writable',
      async (directory) => {
        await directory.write('folder/x.toml', declares('x'));
        await chmod(directory.at('folder'), 0o1777);
      },
    ],
    [
      'a file that is not UTF-8',
      'source.encoding',
      (directory) => writeFile(directory.at('x.toml'), Buffer.from([0xff, 0xfe, 0x41])),
    ],
  ];

  it.each(refusals)('%s', async (_what, code, make) => {
    await using directory = await Directory.create();
    await directory.write('good.toml', declares('good'));
    await make(directory);
    const read = await (await directory.open()).read(AbortSignal.timeout(3_000));
    expect([read.kind, namesOf(read), codesOf(read)]).toEqual(['partial', ['good'], [code]]);
  });

  it('a socket', async () => {
    await using directory = await Directory.create();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(directory.at('x.toml'), resolve));
    try {
      expect(codesOf(await (await directory.open()).read(never))).toEqual(['source.not-a-file']);
    } finally {
      server.close();
    }
  });

  it('a whole directory that everybody may write to', async () => {
    await using directory = await Directory.create();
    await directory.write('x.toml', declares('x'));
    await chmod(directory.path, 0o777);
    const read = await (await directory.open()).read(never);
    expect([read.kind, codesOf(read)]).toEqual(['failed', ['source.world-writable']]);
  });

  it('a file that its reader may not read', async () => {
    await using directory = await Directory.create();
    await directory.write('good.toml', declares('good'));
    await directory.write('x.toml', declares('x'));
    await chmod(directory.at('x.toml'), 0o200);
    await chmod(directory.beside(''), 0o755);
    const script = new URL('fixtures/read-as-nobody.ts', import.meta.url).pathname;
    const { stdout } = await run(process.execPath, [script, directory.path]);
    expect(JSON.parse(stdout)).toEqual({ kind: 'partial', names: ['good'], codes: ['source.unreadable'] });
  });
});

describe('links inside the directory', () => {
  it('are followed into hidden folders, and an exchanged ..data changes all at once', async () => {
    await using directory = await Directory.create();
    await directory.write('..v1/a.toml', declaresMemory('one', '1GiB'));
    await symlink('..v1', directory.at('..data'));
    await symlink('..data/a.toml', directory.at('a.toml'));
    const source = await directory.open();
    expect(namesOf(await source.read(never))).toEqual(['one']);
    await directory.write('..v2/a.toml', declaresMemory('one', '2GiB'));
    await symlink('..v2', directory.at('..data_tmp'));
    await rename(directory.at('..data_tmp'), directory.at('..data'));
    await rm(directory.at('..v1'), { recursive: true });
    const read = await source.read(never);
    expect(read.kind).toBe('complete');
    if (read.kind !== 'complete') return;
    expect(read.manifests.get('one')?.sandbox.limits.memory?.limit).toBe('2GiB');
  });

  it('do not make one file count twice, nor lead in circles', async () => {
    await using directory = await Directory.create();
    await directory.write('folder/a.toml', declares('one'));
    await symlink('folder', directory.at('same'));
    await symlink('folder/a.toml', directory.at('b.toml'));
    await symlink('.', directory.at('self'));
    await symlink('..', directory.at('folder/up'));
    const read = await (await directory.open()).read(never);
    expect([read.kind, namesOf(read)]).toEqual(['complete', ['one']]);
  });

  it('may make up the directory itself, and be pointed elsewhere', async () => {
    await using directory = await Directory.create();
    await directory.write('rev1/a.toml', declares('one'));
    await directory.write('rev2/a.toml', declares('one', 'two'));
    await symlink('rev1', directory.at('current'));
    const source = await directory.open({ path: directory.at('current') });
    expect(namesOf(await source.read(never))).toEqual(['one']);
    directory.owns = true;
    await symlink('rev2', directory.at('next'));
    await rename(directory.at('next'), directory.at('current'));
    const read = await source.read(never);
    expect([read.kind, namesOf(read)]).toEqual(['complete', ['one', 'two']]);
    expect(await readFile(directory.at('rev2/.coi-source'), 'utf8')).toContain(source.id);
  });
});
