import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { Override } from '../../src/plan/override.ts';
import { parseOverride, renderOverride } from '../../src/source/override-file.ts';
import { OverrideStore } from '../../src/source/overrides.ts';
import { runStates } from '../../src/spec/sandbox.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { until } from '../lab/until.ts';
import { Directory } from './fixtures/directory.ts';

const freeze: Override = { kind: 'freeze', state: 'frozen', reason: 'by hand', by: 'root', at: 1_700_000_000_000 };
const suspend: Override = { kind: 'suspend', reason: 'maintenance', by: 'root', at: 1, until: 1_800_000_000_000 };

async function open(clock: Clock = systemClock) {
  const directory = await Directory.create();
  const again = () => new OverrideStore({ stateDir: directory.path, clock });
  const file = (name: string) => directory.at(`desired/overrides/${name}`);
  return { store: again(), again, file, directory, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

describe('overrides', () => {
  it('hold from when they are set, also after a restart, until they are removed', async () => {
    await using lab = await open();
    expect(await lab.store.load()).toEqual({ changed: new Set(), problems: [] });
    await lab.store.set('one', freeze);
    await lab.store.set('one', suspend);
    expect(lab.store.of('one')).toEqual([freeze, suspend]);
    const restarted = lab.again();
    expect(await restarted.load()).toEqual({ changed: new Set(['one']), problems: [] });
    expect(restarted.of('one')).toEqual([freeze, suspend]);
    expect(await restarted.remove('one', 'freeze')).toBe(true);
    expect(await restarted.remove('one', 'freeze')).toBe(false);
    expect(restarted.of('one')).toEqual([suspend]);
    expect(await lab.store.load()).toMatchObject({ changed: new Set(['one']) });
    expect(lab.store.of('one')).toEqual([suspend]);
    expect(await lab.store.load()).toMatchObject({ changed: new Set() });
  });

  it('hold at once, if they must, whatever was asked for before and is not done yet', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    const lifting = lab.store.remove('one', freeze.kind);
    const holding = lab.store.hold('one', { ...freeze, reason: 'newer' });
    const newer = [expect.objectContaining({ reason: 'newer' })];
    expect(lab.store.of('one'), 'before anything is written').toEqual(newer);
    await Promise.all([lifting, holding]);
    expect(lab.store.of('one'), 'afterwards').toEqual(newer);
    expect((await lab.again().load()).changed, 'on the disk').toEqual(new Set(['one']));
  });

  it('hold also where the disk refuses them, if they must, and are written as soon as it takes them', async () => {
    const clock = new FakeClock();
    await using lab = await open(clock);
    // Where a directory should be.
    await writeFile(lab.directory.at('desired'), '');
    await expect(lab.store.set('one', suspend)).rejects.toMatchObject({ code: 'override.unwritable' });
    expect(lab.store.of('one')).toEqual([]);
    expect(await lab.store.hold('one', freeze)).toMatchObject({ code: 'override.unwritable' });
    await lab.store.hold('two', freeze);
    // However many there are, they are written together.
    expect(clock.armed).toBe(1);
    expect(lab.store.of('one')).toEqual([freeze]);
    await expect(lab.store.load()).rejects.toMatchObject({ code: 'override.unreadable' });
    expect(lab.store.of('one')).toEqual([freeze]);
    clock.skip(5_000);
    await until('the next attempt', () => clock.armed === 1);
    await rm(lab.directory.at('desired'));
    clock.skip(5_000);
    await until('the file', async () => (await lab.again().load()).changed.has('one'));
    expect(clock.armed).toBe(0);
    expect(await lab.store.load()).toEqual({ changed: new Set(), problems: [] });
    const restarted = lab.again();
    await restarted.load();
    expect(restarted.of('one')).toEqual([freeze]);
    expect(await lab.store.remove('one', 'freeze')).toBe(true);
    await lab.store.load();
    expect(lab.store.of('one')).toEqual([]);
  });

  it('replace one of the same kind', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    await lab.store.set('one', { ...freeze, reason: 'again' });
    expect(lab.store.of('one').map(({ reason }) => reason)).toEqual(['again']);
    expect(lab.store.sandboxes()).toEqual(['one']);
  });

  it('are files that only root can read', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    expect((await stat(lab.file('one.freeze.toml'))).mode & 0o777).toBe(0o600);
    expect((await stat(lab.file(''))).mode & 0o777).toBe(0o700);
    expect(await readFile(lab.file('one.freeze.toml'), 'utf8')).toContain('at = "2023-11-14T22:13:20.000Z"');
  });

  it('come back from their files as they were', () => {
    const time = fc.integer({ min: 0, max: 4e12 });
    const override = fc.record(
      {
        kind: fc.constantFrom('freeze', 'quarantine', 'expired', 'suspend'),
        state: fc.constantFrom(...runStates),
        reason: fc.string({ unit: 'grapheme' }),
        by: fc.string(),
        at: time,
        until: time,
        hash: fc.string(),
      },
      { requiredKeys: ['kind', 'reason', 'by', 'at'] },
    ) as fc.Arbitrary<Override>;
    fc.assert(
      fc.property(override, (each) => {
        expect(parseOverride('x.toml', each.kind, renderOverride(each))).toEqual(each);
      }),
    );
  });

  it.each(['../x', 'a.b', ''])('refuse the name %j', async (name) => {
    await using lab = await open();
    await expect(lab.store.set(name, freeze)).rejects.toMatchObject({ code: 'session.name' });
    await expect(lab.store.remove(name, 'freeze')).rejects.toMatchObject({ code: 'session.name' });
  });
});

describe('an override that cannot be read', () => {
  it.each([
    ['freeze', { kind: 'freeze', state: 'frozen' }],
    ['quarantine', { kind: 'quarantine', state: 'frozen' }],
    ['expired', { kind: 'freeze', state: 'frozen' }],
    ['suspend', { kind: 'suspend' }],
  ] as const)('still holds: %s', async (kind, held) => {
    await using lab = await open();
    await mkdir(lab.file(''), { recursive: true });
    await writeFile(lab.file(`one.${kind}.toml`), 'state = "runn', { mode: 0o600 });
    const { problems, changed } = await lab.store.load();
    expect(problems.map(({ code }) => code)).toEqual(['override.invalid']);
    expect([...changed]).toEqual(['one']);
    expect(lab.store.of('one')).toHaveLength(1);
    expect(lab.store.of('one')[0]).toMatchObject(held);
    expect(lab.store.of('one')[0]?.until).toBeUndefined();
    expect([...(await lab.store.load()).changed]).toEqual([]);
  });

  it.each([
    ['an unknown key', 'reason = "x"\nby = "y"\nat = "2026-01-01T00:00:00Z"\ncolour = "red"\n'],
    ['a time that is none', 'reason = "x"\nby = "y"\nat = "soon"\n'],
    ['a missing reason', 'by = "y"\nat = "2026-01-01T00:00:00Z"\n'],
  ])('for %s', async (_what, text) => {
    await using lab = await open();
    await lab.store.set('one', { ...freeze, until: 1 });
    await writeFile(lab.file('one.freeze.toml'), text);
    expect((await lab.store.load()).problems).toHaveLength(1);
    expect(lab.store.of('one')[0]).toMatchObject({ state: 'frozen' });
    expect(lab.store.of('one')[0]?.until).toBeUndefined();
  });

  it('because everybody may write to it', async () => {
    await using lab = await open();
    await lab.store.set('one', suspend);
    await chmod(lab.file('one.suspend.toml'), 0o666);
    expect((await lab.store.load()).problems.map(({ code }) => code)).toEqual(['source.world-writable']);
    expect(lab.store.of('one')[0]).toMatchObject({ kind: 'suspend', by: 'controller' });
  });

  it('because its directory went away: what was known still holds', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    await rename(lab.file(''), lab.directory.at('away'));
    await expect(lab.store.load()).rejects.toMatchObject({ code: 'override.unreadable' });
    expect(lab.store.of('one')).toEqual([freeze]);
    await rename(lab.directory.at('away'), lab.file('').slice(0, -1));
    expect((await lab.store.load()).problems).toEqual([]);
  });

  it('does not hide others, nor do files that are none', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    await lab.store.set('two', suspend);
    await writeFile(lab.file('one.freeze.toml'), '');
    await writeFile(lab.file('note.toml'), '');
    await writeFile(lab.file('.one.freeze.toml.swp'), '');
    const { problems } = await lab.store.load();
    expect(problems.map(({ code }) => code).sort()).toEqual(['override.invalid', 'override.name']);
    expect(lab.store.of('two')).toEqual([suspend]);
  });
});

describe('watching overrides', () => {
  it('gives a hint of files that others write or remove', async () => {
    await using lab = await open();
    await lab.store.set('one', freeze);
    const hints: number[] = [];
    await using _watch = lab.store.watch(() => hints.push(Date.now()));
    const isHeld = async (wanted: boolean) => {
      for (;;) {
        const seen = hints.length;
        await lab.store.load();
        if (lab.store.of('two').length > 0 === wanted) return;
        while (hints.length === seen) await sleep(5);
      }
    };
    await lab.again().set('two', suspend);
    await isHeld(true);
    await rm(lab.file('two.suspend.toml'));
    await isHeld(false);
    expect(await readdir(lab.file(''))).toEqual(['one.freeze.toml']);
  });
});
