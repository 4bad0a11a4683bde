import { describe, expect, it } from 'vitest';
import { chooseNames } from '../../src/controller/copy-names.ts';
import { copiedSandbox } from '../../src/controller/copied-sandbox.ts';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { renderManifest } from '../../src/spec/render-manifest.ts';
import { manifest } from '../plan/given.ts';

const origin = { instance: 'coi-web', snapshot: 'coi-fork-1' };
const session = { id: 'first', resumes: true, environment: '01ARZ3NDEKTSV4RRFFQ69G5FAV', direct: true } as const;

function copied(changes: Partial<Sandbox>, init: Partial<Parameters<typeof copiedSandbox>[1]> = {}): Sandbox {
  return copiedSandbox(manifest(changes).sandbox, { origin, state: 'running', ...init });
}

describe('the settings of a copy', () => {
  it('are those of the original, for no process, on no way out, and from its origin', () => {
    const kept = { limits: { processes: 5 }, workspace: '/src', schedule: { stop: '0 1 * * *', timezone: 'UTC' } };
    const dropped = {
      lease: { pid: 1, startedAt: '1', boot: 'x' },
      endsWithin: 3,
      asked: { at: 1, force: true },
    } as const;
    const copy = copied({ ...kept, ...dropped, origin: { instance: 'other', snapshot: 'old' } });
    expect(copy).toMatchObject({ ...kept, origin });
    expect(Object.keys(copy).filter((key) => Object.hasOwn(dropped, key))).toEqual([]);
    expect(copied(kept, { workspace: '/other' }).workspace).toBe('/other');
  });

  it('give an agent by name a session of its own, to go on with what it was asked', () => {
    const tool = { name: 'claude' } as const;
    const [one, two] = [copied({ tool, prompt: 'do', session }), copied({ tool, prompt: 'do' })];
    for (const each of [one, two]) {
      expect(each.session).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
      expect(each.prompt).toBeUndefined();
    }
    expect(one.session?.id).not.toBe(two.session?.id);
    expect(copied({ tool: { command: ['sh'] }, prompt: 'do' })).toMatchObject({ prompt: 'do' });
    expect(copied({ session: { ...session, debug: true } }).session).toMatchObject({ debug: true });
    expect(copied({}).session).toBeUndefined();
  });

  it('keep one that is not to run, so that somebody can start it', () => {
    expect(copied({ persistent: false }, { state: 'stopped' })).toMatchObject({ state: 'stopped', persistent: true });
  });

  it('say the same when they are read from a file', () => {
    const sandbox = copied({ tool: { name: 'claude', permissionMode: 'bypass', effort: 'medium' } });
    const text = renderManifest({ name: 'try', instance: 'coi-try', sandbox });
    const input = { file: 'f', text, source: 's', home: '/home/a', settings: {}, kind: 'session' } as const;
    const { manifests, problems } = parseManifestFile(input);
    expect(problems).toEqual([]);
    expect(manifests[0]?.sandbox.origin).toEqual(origin);
    expect(manifests[0]?.sandbox.session).toEqual(sandbox.session);
    expect(parseManifestFile({ ...input, kind: 'declared' }).problems).not.toEqual([]);
  });
});

describe('the names of copies', () => {
  const web = manifest({});
  const own = { ...web, name: '0123abcd-2', instance: 'coi-0123abcd-2' };
  const taken =
    (...names: string[]) =>
    async ({ name }: { name: string }) =>
      names.includes(name);

  it('are those that were asked for, each of them free, or none', async () => {
    const copies = [{ name: 'a' }, { name: 'b' }];
    expect(await chooseNames(web, copies, taken())).toEqual([
      { name: 'a', instance: 'coi-a' },
      { name: 'b', instance: 'coi-b' },
    ]);
    await expect(chooseNames(web, copies, taken('b'))).rejects.toMatchObject({ code: 'fork.taken' });
    await expect(chooseNames(web, [{ name: 'a' }, { name: 'a' }], taken())).rejects.toMatchObject({
      code: 'fork.taken',
    });
    for (const name of ['', '../a', 'A', '0123abcd-1', 'del-a', 'x'.repeat(60)]) {
      await expect(chooseNames(web, [{ name }], taken())).rejects.toMatchObject({ code: 'fork.name' });
    }
  });

  it('of a session are the next free slots of their workspaces, with its prefix', async () => {
    const copies = [{ name: 'x' }, { name: 'x' }, { name: 'x', hash: 'ffffffff' }];
    const names = await chooseNames(own, copies, taken('0123abcd-1', '0123abcd-2', '0123abcd-4'));
    expect(names.map(({ instance, slot }) => [instance, slot])).toEqual([
      ['coi-0123abcd-3', 3],
      ['coi-0123abcd-5', 5],
      ['coi-ffffffff-1', 1],
    ]);
    const other = { ...own, name: 'ci-0123abcd-1', instance: 'ci-0123abcd-1' };
    expect(await chooseNames(other, [{ name: 'x' }], taken())).toMatchObject([{ name: 'ci-0123abcd-1' }]);
    const many = Array.from({ length: 10 }, () => ({ name: 'x' }));
    await expect(chooseNames(own, many, taken('0123abcd-2'))).rejects.toMatchObject({
      code: 'session.slots',
      message: expect.stringContaining('9 of 10 are free'),
    });
    const bad = [{ name: 'x', hash: '../../..' }];
    await expect(chooseNames(own, bad, taken())).rejects.toMatchObject({ code: 'fork.name' });
  });
});
