import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { sessionSource } from '../../src/source/session-source.ts';
import { SessionStore } from '../../src/source/session-store.ts';
import type { ParseManifests } from '../../src/source/source.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { Directory, namesOf, never } from './fixtures/directory.ts';

const uid = 1000;
const place = (name: string) => ({ uid, name });
const manifest = (name: string) => `apiVersion = "coi/v1"\n[sandbox.${name}]\ninstance = "coi-${name}"\n`;
const parse: ParseManifests = ({ path, text, owner, source }) =>
  parseManifestFile({ file: path, text, source, home: owner.home, settings: {}, kind: 'session' });

async function open() {
  const directory = await Directory.create();
  const store = new SessionStore(directory.path);
  const source = sessionSource({
    stateDir: directory.path,
    uid,
    parse,
    homeOf: async () => '/root',
    ownsSomething: () => directory.owns,
    clock: systemClock,
  });
  return { directory, store, source, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe('the session source', () => {
  it('is empty for a user who never asked for anything, and not when instances are theirs', async () => {
    await using session = await open();
    expect(session.source.id).toBe('session/1000');
    expect(await session.source.read(never)).toMatchObject({ kind: 'complete' });
    session.directory.owns = true;
    expect(await session.source.read(never)).toMatchObject({ kind: 'failed', problem: { code: 'source.missing' } });
  });

  it('declares what was stored, and wants deleted what has a tombstone', async () => {
    await using session = await open();
    await session.store.createManifest(place('0a1b2c3d-1'), manifest('0a1b2c3d-1'));
    await session.store.createManifest(place('one'), manifest('one'));
    const read = await session.source.read(never);
    expect([read.kind, namesOf(read)]).toEqual(['complete', ['0a1b2c3d-1', 'one']]);
    await session.store.writeTombstone(place('0a1b2c3d-1'), 'coi-0a1b2c3d-1');
    const after = await session.source.read(never);
    expect([after.kind, namesOf(after)]).toEqual(['complete', ['one']]);
    expect(after).toMatchObject({ sentinel: true });
    expect(after).not.toHaveProperty('warnings');
    expect(after.kind === 'complete' && [...after.tombstones]).toEqual(['0a1b2c3d-1']);
  });
});

describe('storing a session', () => {
  it('gives a name to exactly one of many who want it', async () => {
    await using session = await open();
    const tries = Array.from({ length: 20 }, (_, index) =>
      session.store.createManifest(place('one'), `# ${index}\n${manifest('one')}`).then(
        () => index,
        (error: unknown) => (error as { code: string }).code,
      ),
    );
    const results = await Promise.all(tries);
    const winners = results.filter((result) => typeof result === 'number');
    expect(winners).toHaveLength(1);
    expect(new Set(results.filter((result) => typeof result === 'string'))).toEqual(new Set(['session.taken']));
    expect(await session.store.read(place('one'))).toBe(`# ${winners[0]}\n${manifest('one')}`);
    expect(await readdir(session.directory.at('desired/1000'))).toEqual(['one.toml']);
  });

  it('keeps a name taken until its tombstone is removed', async () => {
    await using session = await open();
    await session.store.writeTombstone(place('one'), 'coi-one');
    await expect(session.store.createManifest(place('one'), manifest('one'))).rejects.toThrow('the name is taken');
    expect(await session.store.removeTombstone(place('one'))).toBe(true);
    expect(await session.store.removeTombstone(place('one'))).toBe(false);
    await session.store.createManifest(place('one'), manifest('one'));
  });

  it('does not remove a manifest that took the place of a tombstone', async () => {
    await using session = await open();
    await session.store.writeTombstone(place('one'), 'coi-one');
    await session.store.replaceManifest(place('one'), manifest('one'));
    expect(await session.store.removeTombstone(place('one'))).toBe(false);
    expect(await session.store.read(place('one'))).toBe(manifest('one'));
  });

  it('lets nobody but root see it', async () => {
    await using session = await open();
    await session.store.createManifest(place('one'), manifest('one'));
    await session.store.replaceManifest(place('two'), manifest('two'));
    const modeOf = async (path: string) => (await stat(session.directory.at(path))).mode & 0o777;
    expect(await modeOf('desired')).toBe(0o700);
    expect(await modeOf('desired/1000')).toBe(0o700);
    expect(await modeOf('desired/1000/one.toml')).toBe(0o600);
    expect(await modeOf('desired/1000/two.toml')).toBe(0o600);
  });

  it.each(['..', '../x', 'a/b', '', '.hidden', 'UPPER', 'a.b', 'a\0b', '-x', 'x'.repeat(60)])(
    'refuses the name %j',
    async (name) => {
      await using session = await open();
      const all = [
        () => session.store.createManifest(place(name), ''),
        () => session.store.replaceManifest(place(name), ''),
        () => session.store.writeTombstone(place(name), `coi-${name}`),
        () => session.store.removeTombstone(place(name)),
        () => session.store.read(place(name)),
      ];
      for (const act of all) await expect(act()).rejects.toMatchObject({ code: 'session.name' });
      expect(await readdir(session.directory.path)).toEqual([]);
    },
  );

  it('says what is wrong when the disk refuses', async () => {
    await using session = await open();
    await writeFile(session.directory.at('desired'), '');
    const store = session.store.createManifest(place('one'), manifest('one'));
    await expect(store).rejects.toMatchObject({ code: 'session.unwritable' });
  });

  it('lists the users', async () => {
    await using session = await open();
    expect(await session.store.listUsers()).toEqual([]);
    await session.store.createManifest({ uid: 1001, name: 'a' }, manifest('a'));
    await session.store.createManifest({ uid: 0, name: 'b' }, manifest('b'));
    await mkdir(session.directory.at('desired/overrides'));
    expect(await session.store.listUsers()).toEqual([0, 1001]);
  });

  it('leaves no half-written file to readers', async () => {
    await using session = await open();
    const text = `${manifest('one')}# ${'x'.repeat(200_000)}\n`;
    const path = join(session.directory.path, 'desired/1000/one.toml');
    await session.store.createManifest(place('one'), text);
    const done = new AbortController();
    const writing = (async () => {
      for (let round = 0; round < 20; round += 1) await session.store.replaceManifest(place('one'), text);
      done.abort();
    })();
    while (!done.signal.aborted) expect(await readFile(path, 'utf8')).toHaveLength(text.length);
    await writing;
  });
});
