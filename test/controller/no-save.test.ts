import { describe, expect, it } from 'vitest';
import { Control, type ControlInit } from '../../src/controller/control.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { plan } from '../../src/plan/plan.ts';
import { parseStamp } from '../../src/plan/stamp.ts';
import { manifest, owned, tombstoned, world } from '../plan/given.ts';

const session = { id: 'i', tool: 'claude', owner: 0, workspace: '', persistent: false, user: 'code' };
const left = tombstoned(manifest(), { stamped: { session, restored: 'i' }, startedAt: 1 });

/** A controller in which a deletion is held up by its save, as far as deleting needs one. */
function held() {
  const sandboxes = new Sandboxes(() => undefined);
  const config: Record<string, string> = {};
  const audited: unknown[] = [];
  const look = () => {
    const stamp = parseStamp({ ...left.config, ...config })!;
    const leaving = world({ kind: 'deleted' }, { tombstone: { ...left, stamp } });
    sandboxes.record({ world: leaving, plan: plan(leaving) });
  };
  look();
  const hinted: string[] = [];
  const controller = {
    sandboxes,
    desired: { manifests: () => new Map(), missing: () => [] },
    instances: { all: () => [] },
    hintSandbox: (name: string) => {
      hinted.push(name);
      setImmediate(look);
    },
  };
  const control = new Control({
    controller,
    session: { isSession: () => false },
    sessions: {},
    adoptConfig: async (_instance: string, changes: Record<string, string>) => void Object.assign(config, changes),
    audit: async (entry: unknown) => void audited.push(entry),
    lifetime: new AbortController().signal,
  } as unknown as ControlInit);
  const steps = () => sandboxes.get('a')?.plan.steps.map(({ action }) => action.kind);
  return { control, config, audited, hinted, steps };
}

describe('a deletion without being saved', () => {
  it('that cannot be declared leaves the session to be saved when it ends', async () => {
    const saved = 1_000;
    const live = owned(manifest(), { stamped: { session, restored: 'i', saved }, startedAt: 2_000 });
    const sandboxes = new Sandboxes(() => undefined);
    const running = world(manifest(), { instance: live });
    sandboxes.record({ world: running, plan: plan(running) });
    const written: Record<string, string>[] = [];
    const manifests = new Map([['a', manifest()]]);
    const control = new Control({
      controller: {
        sandboxes,
        desired: { manifests: () => manifests, missing: () => [] },
        instances: { all: () => [] },
      },
      session: { isSession: () => true, writeTombstone: () => Promise.reject(new Error('the disk is full')) },
      sessions: {},
      adoptConfig: async (_instance: string, changes: Record<string, string>) => void written.push(changes),
      lifetime: new AbortController().signal,
    } as unknown as ControlInit);
    await expect(control.delete({ names: ['a'], by: 'ann', noSave: true })).rejects.toThrow('the disk is full');
    expect(written.at(-1)).toEqual({ 'user.coi.saved': String(saved) });
  });
});

describe('a deletion that is held up by its save', () => {
  it('goes on without, when told so', async () => {
    const { control, audited, hinted, steps } = held();
    expect(steps()).toContain('save');
    expect(await control.delete({ names: ['a'], by: 'ann', noSave: true })).toMatchObject([{ name: 'a', done: true }]);
    expect(steps()).not.toContain('save');
    expect(hinted).toEqual(['a']);
    expect(audited).toMatchObject([{ kind: 'delete', actor: 'ann', why: expect.stringContaining('without') }]);
  });

  it('is left as it is otherwise', async () => {
    const { control, config, steps } = held();
    expect(await control.delete({ names: ['a'], by: 'ann' })).toMatchObject([{ name: 'a', done: false }]);
    expect(config).toEqual({});
    expect(steps()).toContain('save');
  });
});
