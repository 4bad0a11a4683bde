import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { ownerOf } from '../../../src/session/save/owner.ts';
import { SavedSessions } from '../../../src/session/save/saved-sessions.ts';

const signal = new AbortController().signal;
let dir = '';
let home = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-sessions-'));
  chmodSync(dir, 0o711);
  home = join(dir, 'home');
  mkdirSync(home);
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Of this process's own user, or of another one, whose home it then is. */
function open(uid = process.getuid!(), tool = 'claude'): SavedSessions {
  const gid = uid;
  chownSync(home, uid, gid);
  return new SavedSessions({ place: { owner: { uid, gid, home }, tool }, clock: systemClock, signal });
}

const note = (sessions: SavedSessions, id: string, workspace = '/w') =>
  sessions.note({ id, container: 'coi-bbb41b38-1', persistent: false, workspace });
const idsOf = async (sessions: SavedSessions) => (await sessions.list()).map(({ id }) => id);
const placeOf = (tool = 'claude') => join(home, `.coi/sessions-${tool}`);

describe('SavedSessions', () => {
  test('has none where nothing was ever saved, and makes no directory to find that out', async () => {
    const sessions = open();
    expect(await sessions.list()).toEqual([]);
    expect(await sessions.latest('/w')).toBeUndefined();
    expect(await sessions.find('a')).toBeUndefined();
    expect(await sessions.remove('a')).toBe(false);
    expect(await sessions.removeAll()).toBe(0);
    expect(readdirSync(home)).toEqual([]);
  });

  test('lists what was noted, the last first, each tool its own', async () => {
    const sessions = open();
    for (const id of ['zz', 'aa', 'mm']) {
      await note(sessions, id);
      await systemClock.sleep(2);
    }
    await note(open(undefined, 'opencode'), 'other');
    expect(await idsOf(sessions)).toEqual(['mm', 'aa', 'zz']);
    expect(await idsOf(open(undefined, 'opencode'))).toEqual(['other']);
    expect(await sessions.find('aa')).toMatchObject({ persistent: false, hasData: false, container: 'coi-bbb41b38-1' });
    expect(sessions.pathOf('aa')).toBe(join(placeOf(), 'aa'));
  });

  test('noting a session again keeps its data', async () => {
    const sessions = open();
    await note(sessions, 'a');
    mkdirSync(join(placeOf(), 'a/.claude'));
    writeFileSync(join(placeOf(), 'a/.claude/x'), '12345');
    const { savedAt } = (await sessions.find('a'))!;
    await sessions.note({ id: 'a', container: 'c', persistent: true, workspace: '/w' });
    // A note is no save: the time stays that of the data.
    expect(await sessions.find('a')).toMatchObject({ container: 'c', persistent: true, hasData: true, savedAt });
    expect(await sessions.size('a')).toEqual({ files: 1, bytes: 5 });
  });

  test('never gives a session of another workspace, also not by its id', async () => {
    const sessions = open();
    await note(sessions, 'mine', '/w/mine');
    await systemClock.sleep(2);
    await note(sessions, 'theirs', '/w/theirs');
    expect(await sessions.latest('/w/mine')).toMatchObject({ id: 'mine' });
    expect(await sessions.latest('/w/none')).toBeUndefined();
    expect(await sessions.require('mine', '/w/mine/')).toMatchObject({ id: 'mine' });
    await expect(sessions.require('theirs', '/w/mine')).rejects.toMatchObject({ code: 'session.other-workspace' });
    await expect(sessions.require('theirs', '')).rejects.toMatchObject({ code: 'session.other-workspace' });
    await expect(sessions.require('nobodys', '/w/mine')).rejects.toMatchObject({
      code: 'session.unknown',
      hint: expect.stringContaining('list --all'),
    });
  });

  test('takes another path to the same workspace for the same', async () => {
    const sessions = open();
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'link'));
    await note(sessions, 'a', join(dir, 'real'));
    expect(await sessions.latest(join(dir, 'link'))).toMatchObject({ id: 'a' });
  });

  test.each(['../../secret', '..', '.', '/etc', 'a/../../b', '.new-a-1-1', 'a\0b', ''])(
    'goes nowhere with the id %j',
    async (id) => {
      const sessions = open();
      await note(sessions, 'a');
      writeFileSync(join(home, 'secret'), '');
      const refused = { code: 'session.id' };
      await expect(sessions.find(id)).rejects.toMatchObject(refused);
      await expect(sessions.require(id, '/w')).rejects.toMatchObject(refused);
      await expect(sessions.size(id)).rejects.toMatchObject(refused);
      await expect(sessions.remove(id)).rejects.toMatchObject(refused);
      await expect(note(sessions, id)).rejects.toMatchObject(refused);
      expect(readdirSync(home).toSorted()).toEqual(['.coi', 'secret']);
    },
  );

  test('a damaged session is not there, does not hide others, and goes when all go', async () => {
    const sessions = open();
    await note(sessions, 'good');
    for (const [name, text] of Object.entries({
      cut: '{"session_id": "cu',
      other: '{"session_id":"good"}',
      none: '',
    })) {
      mkdirSync(join(placeOf(), name));
      if (text !== '') writeFileSync(join(placeOf(), name, 'metadata.json'), text);
    }
    writeFileSync(join(placeOf(), 'file'), '');
    mkdirSync(join(placeOf(), 'endless'));
    symlinkSync('/dev/zero', join(placeOf(), 'endless/metadata.json'));
    expect(await idsOf(sessions)).toEqual(['good']);
    expect(await sessions.removeAll()).toBe(6);
    expect(readdirSync(placeOf())).toEqual([]);
  });

  test('tells how much a session is, and nothing of what links lead to', async () => {
    const sessions = open();
    await note(sessions, 'a');
    const claude = join(placeOf(), 'a/.claude');
    mkdirSync(join(claude, 'projects'), { recursive: true });
    writeFileSync(join(claude, 'projects/old.jsonl'), 'x');
    writeFileSync(Buffer.concat([Buffer.from(claude), Buffer.from([0x2f, 0xff])]), 'not UTF-8');
    symlinkSync('/etc', join(claude, 'etc'));
    symlinkSync('/etc/passwd', join(claude, 'passwd'));
    expect(await sessions.size('a')).toEqual({ files: 2, bytes: 10 });
    expect(await sessions.size('none')).toEqual({ files: 0, bytes: 0 });
  });

  test('removes a session and leaves what its links lead to', async () => {
    const sessions = open();
    await note(sessions, 'a');
    await note(sessions, 'b');
    mkdirSync(join(dir, 'precious'));
    writeFileSync(join(dir, 'precious/file'), '');
    symlinkSync(join(dir, 'precious'), join(placeOf(), 'a/link'));
    expect(await sessions.remove('a')).toBe(true);
    expect(await sessions.remove('a')).toBe(false);
    expect(await idsOf(sessions)).toEqual(['b']);
    expect(existsSync(join(dir, 'precious/file'))).toBe(true);
  });
});

describe('Sessions of another user', () => {
  const uid = 4_242;

  test('belong to that user, who alone may read them', async () => {
    await note(open(uid), 'a');
    for (const path of [
      '.coi',
      '.coi/sessions-claude',
      '.coi/sessions-claude/a',
      '.coi/sessions-claude/a/metadata.json',
    ]) {
      const stats = lstatSync(join(home, path));
      expect({ path, uid: stats.uid, gid: stats.gid, open: stats.mode & 0o077 }).toEqual({
        path,
        uid,
        gid: uid,
        open: 0,
      });
    }
    expect(await idsOf(open(uid))).toEqual(['a']);
    expect(await open(uid).remove('a')).toBe(true);
  });

  test('are not written where that user may not, although root may', async () => {
    const sessions = open(uid);
    mkdirSync(join(home, '.coi'), { mode: 0o755 });
    await expect(note(sessions, 'a')).rejects.toMatchObject({ code: 'session.unreadable', retry: 'backoff' });
    expect(readdirSync(join(home, '.coi'))).toEqual([]);
  });

  test('are not read where only root may', async () => {
    const sessions = open(uid);
    await note(sessions, 'a');
    chownSync(join(placeOf(), 'a'), 0, 0);
    expect(await sessions.list()).toEqual([]);
  });

  test.each(['.coi', '.coi/sessions-claude'])('are not looked for behind a link at %s', async (at) => {
    const sessions = open(uid);
    mkdirSync(join(dir, 'theirs/sessions-claude/a'), { recursive: true });
    if (at !== '.coi') mkdirSync(join(home, '.coi'));
    symlinkSync(join(dir, at === '.coi' ? 'theirs' : 'theirs/sessions-claude'), join(home, at));
    await expect(sessions.list()).rejects.toMatchObject({ code: 'session.link' });
    await expect(note(sessions, 'a')).rejects.toMatchObject({ code: 'session.link' });
    await expect(sessions.removeAll()).rejects.toMatchObject({ code: 'session.link' });
    expect(existsSync(join(dir, 'theirs/sessions-claude/a'))).toBe(true);
  });

  test('metadata is not written through a link that waits for it', async () => {
    const sessions = open(uid);
    await note(sessions, 'a');
    const target = join(dir, 'target');
    writeFileSync(target, 'untouched');
    chownSync(target, uid, uid);
    rmSync(join(placeOf(), 'a/metadata.json'));
    symlinkSync(target, join(placeOf(), 'a/metadata.json'));
    await note(sessions, 'a');
    expect(readFileSync(target, 'utf8')).toBe('untouched');
    expect(lstatSync(join(placeOf(), 'a/metadata.json')).isFile()).toBe(true);
  });

  test('nothing is begun once the signal has aborted', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    chownSync(home, uid, uid);
    const place = { owner: { uid, gid: uid, home }, tool: 'claude' };
    const sessions = new SavedSessions({ place, clock: systemClock, signal: aborted });
    await expect(note(sessions, 'a')).rejects.toThrow('enough');
    expect(readdirSync(home)).toEqual([]);
  });
});

test('ownerOf() knows users with a home, and says so of others', async () => {
  const passwd = join(dir, 'passwd');
  writeFileSync(passwd, 'root:x:0:0:root:/root:/bin/sh\nanna:x:1001:1002::/home/anna:\nnobody:x:9:9:::\n');
  expect(await ownerOf(1001, passwd)).toEqual({ uid: 1001, gid: 1002, home: '/home/anna' });
  for (const uid of [9, 987_654_321])
    await expect(ownerOf(uid, passwd)).rejects.toMatchObject({ code: 'session.no-home' });
});
