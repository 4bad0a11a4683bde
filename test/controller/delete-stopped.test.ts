import { describe, expect, it } from 'vitest';
import { reconcileBackoff } from '../../src/base/backoff.ts';
import { Control, type ControlInit } from '../../src/controller/control.ts';
import { WorkQueue } from '../../src/controller/queue.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { plan } from '../../src/plan/plan.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, owned, world } from '../plan/given.ts';

/** A controller that last saw a sandbox stopped, as far as deleting needs one. */
function lastSeenStopped() {
  const at = { ...manifest({ restart: 'never', persistent: true }), source: 'session/0' };
  const sandboxes = new Sandboxes(() => undefined);
  const seen = world(at, { instance: owned(at, { power: 'stopped' }) });
  sandboxes.record({ world: seen, plan: plan(seen) });
  const queue = new WorkQueue({ clock: new FakeClock(), backoff: reconcileBackoff });
  const now = { state: 'stopped' };
  const buried: string[] = [];
  const init = {
    controller: {
      sandboxes,
      queue,
      desired: { manifests: () => new Map([['a', at]]), missing: () => [] },
      instances: {
        all: () => [],
        refresh: async (name: string) => ({ instance: { name, state: now.state, status: now.state } }),
      },
      sources: { read: async () => undefined },
      hintSandbox: () => undefined,
    },
    session: { isSession: () => true, writeTombstone: async (name: string) => void buried.push(name) },
    sessions: {},
    audit: async () => undefined,
    lifetime: new AbortController().signal,
  };
  const control = new Control(init as unknown as ControlInit);
  const remove = (onlyStopped?: boolean) =>
    control.delete({ names: ['a'], by: 'ann', ...(onlyStopped && { onlyStopped }) });
  return { remove, queue, now, buried };
}

describe('a deletion of what is stopped', () => {
  it('is refused for what was started since, although it was last seen stopped', async () => {
    const { remove, now, buried } = lastSeenStopped();
    now.state = 'running';
    expect(await remove(true)).toMatchObject([{ done: false, message: expect.stringContaining('It is running') }]);
    expect(buried).toEqual([]);
    expect(await remove()).toMatchObject([{ done: true }]);
    expect(buried).toEqual(['a']);
  });

  it('waits for whoever works on it, who may be starting it', async () => {
    const { remove, queue, now, buried } = lastSeenStopped();
    queue.add('sandbox/a');
    const { key } = await queue.next(new AbortController().signal);
    const removed = remove(true);
    await new Promise((resolve) => setImmediate(resolve));
    now.state = 'running';
    queue.done(key, { kind: 'settled' });
    expect(await removed).toMatchObject([{ done: false }]);
    expect(buried).toEqual([]);
    now.state = 'stopped';
    expect(await remove(true)).toMatchObject([{ done: true }]);
  });
});
