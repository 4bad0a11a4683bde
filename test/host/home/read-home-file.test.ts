import { execFileSync } from 'node:child_process';
import { chown, link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readHomeFile } from '../../../src/host/home/read-home-file.ts';

const uid = 4321;
let home: string;

/** A file of the user's. */
async function file(path: string, text: string, owner = uid): Promise<void> {
  await mkdir(join(home, path, '..'), { recursive: true });
  await writeFile(join(home, path), text);
  execFileSync('chown', ['-R', `${uid}:${uid}`, home]);
  if (owner !== uid) await chown(join(home, path), owner, owner);
}

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'coi-home-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const read = (path: string) => readHomeFile({ uid, home }, path);
const refused = (why: string) => ({ kind: 'refused', why: expect.stringContaining(why) });

describe('readHomeFile()', () => {
  it('reads files of the owner, and knows what is not there', async () => {
    await file('.a/b/c.json', 'text');
    expect(await read('.a/b/c.json')).toEqual({ kind: 'file', content: Buffer.from('text') });
    expect(await read('.a/none')).toEqual({ kind: 'absent' });
    expect(await read('.none/none')).toEqual({ kind: 'absent' });
    expect(await readHomeFile({ uid, home: '/nonexistent' }, 'a')).toEqual({ kind: 'absent' });
  });

  it('follows no link, neither at the end nor on the way', async () => {
    await file('secret/key', 'key');
    await mkdir(join(home, '.a'));
    await chown(join(home, '.a'), uid, uid);
    await symlink('../secret/key', join(home, '.a/link'));
    await symlink('secret', join(home, '.b'));
    expect(await read('.a/link')).toEqual(refused('~/.a/link is a symbolic link'));
    expect(await read('.b/key')).toEqual(refused('symbolic link'));
  });

  it('reads nothing that belongs to somebody else', async () => {
    await file('.a/theirs', 'x', 0);
    expect(await read('.a/theirs')).toEqual(refused('belongs to somebody else'));
    await writeFile(join(home, 'root'), 'x');
    await link(join(home, 'root'), join(home, '.a/hard'));
    expect(await read('.a/hard')).toEqual(refused('belongs to somebody else'));
    await chown(join(home, '.a'), 0, 0);
    await file('.c', 'x');
    await chown(join(home, '.a'), 0, 0);
    expect(await read('.a/theirs')).toEqual(refused('belongs to somebody else'));
  });

  it('waits for no other end, and reads nothing endless', async () => {
    await file('x', '');
    execFileSync('mkfifo', [join(home, 'fifo')]);
    await chown(join(home, 'fifo'), uid, uid);
    expect(await read('fifo')).toEqual(refused('is no file'));
    expect(await read('x/y')).toEqual(refused('symbolic link'));
    await truncate(join(home, 'x'), 2 ** 30);
    expect(await read('x')).toEqual(refused('larger than'));
  });

  it.each(['../x', 'a/../../x', '/x', 'a//b', '.'])('takes %j for no path below a home', async (path) => {
    await expect(read(path)).rejects.toThrow('not below a home');
  });
});
