import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { homeOf } from '../../src/source/homes.ts';
import { maxFileBytes, readTrustedFile } from '../../src/source/trusted-file.ts';
import { Directory } from './fixtures/directory.ts';

const run = promisify(execFile);

/** As if the file had become something else after it was listed. */
async function read(directory: Directory, name: string) {
  return await readTrustedFile({ shown: `shown/${name}`, real: directory.at(name), root: directory.path });
}

describe('a file that changed its nature since it was listed', () => {
  it('does not block as a FIFO', async () => {
    await using directory = await Directory.create();
    await run('mkfifo', [directory.at('x.toml')]);
    await expect(read(directory, 'x.toml')).rejects.toMatchObject({ code: 'source.not-a-file' });
  }, 3_000);

  it('is not followed as a link', async () => {
    await using directory = await Directory.create();
    await writeFile(directory.beside('secret'), 'secret');
    await symlink('../secret', directory.at('x.toml'));
    await expect(read(directory, 'x.toml')).rejects.toMatchObject({ code: 'source.unreadable' });
  });

  it('is not read through a folder that became a link', async () => {
    await using directory = await Directory.create();
    await mkdir(directory.beside('etc'));
    await writeFile(directory.beside('etc/secret.toml'), 'secret', { mode: 0o644 });
    await symlink('../etc', directory.at('folder'));
    await expect(read(directory, 'folder/secret.toml')).rejects.toMatchObject({ code: 'source.outside' });
  });

  it('is shown by the path that people know', async () => {
    await using directory = await Directory.create();
    await expect(read(directory, 'gone.toml')).rejects.toMatchObject({ position: { file: 'shown/gone.toml' } });
  });
});

describe('the largest file', () => {
  it('is read in whole, byte order mark aside', async () => {
    await using directory = await Directory.create();
    await directory.write('x.toml', `\uFEFF${'#'.repeat(maxFileBytes - 3)}`);
    expect((await read(directory, 'x.toml')).text).toHaveLength(maxFileBytes - 3);
    await directory.write('x.toml', '#'.repeat(maxFileBytes + 1));
    await expect(read(directory, 'x.toml')).rejects.toMatchObject({ code: 'source.too-large' });
  });
});

describe('the home of a user', () => {
  it('is the one of passwd(5), or one that does not exist', async () => {
    await using directory = await Directory.create();
    await directory.write(
      'passwd',
      'root:x:0:0:root:/root:/bin/sh\nana:x:1000:1000::/home/ana:/bin/sh\nbob:x:2:2:::\n',
    );
    const homes = await Promise.all([0, 1000, 2, 987_654_321].map((uid) => homeOf(uid, directory.at('passwd'))));
    expect(homes).toEqual(['/root', '/home/ana', '/nonexistent', '/nonexistent']);
  });
});
