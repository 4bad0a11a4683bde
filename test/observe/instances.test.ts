import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Instance } from '../../src/host/incus/instance.ts';
import { IncusError } from '../../src/host/incus/errors.ts';
import { InstanceCache } from '../../src/observe/instances.ts';
import { renderStamp } from '../../src/plan/stamp.ts';

function instance(name: string, state: Instance['state'] = 'running'): Instance {
  const stamp = { uid: '01J0000000000000000000000A', name: name.slice(4), instance: name, source: 'dir-a', hash: 'h' };
  const config = renderStamp({ ...stamp, generation: 1, applied: undefined });
  return { name, state, config, devices: {}, expandedDevices: {}, profiles: [] } as unknown as Instance;
}

/** An Incus whose answers are held back until a test lets them go; each says what was so when it was asked. */
class SlowIncus {
  readonly #held: (() => void)[] = [];
  isFailing = false;
  now: readonly Instance[] = [];
  /** Of every init. */
  pid = 0;

  async list(): Promise<readonly Instance[]> {
    const asked = this.now;
    await this.#letGo();
    if (this.isFailing) throw new Error('cut off');
    return asked;
  }

  async get(name: string): Promise<{ value: Instance; etag: string }> {
    const value = this.now.find((one) => one.name === name);
    await this.#letGo();
    if (!value) throw new IncusError({ class: 'gone', what: `look at ${name}`, text: 'not found' });
    return { value, etag: 'e' };
  }

  state(): Promise<{ pid: number }> {
    return Promise.resolve({ pid: this.pid });
  }

  #letGo(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.push(resolve);
    return promise;
  }

  /** Let answer number `index` of those that are held back go. */
  answer(index = 0): void {
    this.#held.splice(index, 1)[0]?.();
  }
}

let incus: SlowIncus;
let cache: InstanceCache;
let vanished: number;

beforeEach(async () => {
  incus = new SlowIncus();
  vanished = 0;
  cache = new InstanceCache(incus, () => (vanished += 1));
  incus.now = [instance('coi-a'), instance('coi-b')];
  const first = cache.relist(0);
  incus.answer();
  await first;
});

/** A list is under way, something happens, one instance is looked at by itself, and then the list arrives. */
async function overtakeList(name: string, happened: readonly Instance[]): Promise<Set<string>> {
  const list = cache.relist(1);
  incus.now = happened;
  const look = cache.refresh(name);
  incus.answer(1);
  // Whether it is gone is asked twice.
  await setImmediate();
  incus.answer(1);
  await look;
  incus.answer();
  return list;
}

async function seenAs(now: Instance): Promise<Instance['state'] | undefined> {
  incus.now = [now];
  const looked = cache.refresh('coi-a');
  incus.answer();
  await looked;
  return cache.get('coi-a')?.instance.state;
}

/** How an instance of which Incus said that it is stopped is seen when Incus says then that it runs. */
async function seenAfterStop(running: Instance): Promise<Instance['state'] | undefined> {
  expect(await seenAs(instance('coi-a', 'stopped'))).toBe('stopped');
  return await seenAs(running);
}

describe('what has ended by itself, and runs again by what Incus says while it clears up', () => {
  test('has ended', async () => {
    expect(await seenAfterStop(instance('coi-a'))).toBe('stopped');
  });

  test('runs where it has an init', async () => {
    incus.pid = 4711;
    expect(await seenAfterStop(instance('coi-a'))).toBe('running');
  });

  test('runs where it was started again', async () => {
    expect(await seenAfterStop({ ...instance('coi-a'), lastUsedAt: '2026-01-01T00:00:00Z' })).toBe('running');
  });

  test('is looked at by itself after a list that says so', async () => {
    incus.now = [instance('coi-a', 'stopped')];
    for (const [index, state] of (['stopped', 'running'] as const).entries()) {
      incus.now = [instance('coi-a', state)];
      const list = cache.relist(index);
      incus.answer();
      await list;
    }
    expect([cache.get('coi-a')?.instance.state, cache.isDoubted('coi-a')]).toEqual(['stopped', true]);
  });
});

test('one answer that an instance is gone is not believed', async () => {
  const known = incus.now;
  incus.now = [];
  const look = cache.refresh('coi-a');
  incus.now = known;
  incus.answer();
  await setImmediate();
  incus.answer();
  expect(await look).toMatchObject({ instance: { name: 'coi-a' } });
  expect(vanished).toBe(0);
});

describe('what was looked at by itself while a list was under way stays as it was seen', () => {
  test('a change', async () => {
    const changed = await overtakeList('coi-a', [instance('coi-a', 'frozen'), instance('coi-b')]);
    expect(cache.get('coi-a')).toMatchObject({ instance: { state: 'frozen' }, etag: 'e' });
    expect([...changed]).toEqual([]);
  });

  test('one that was made meanwhile', async () => {
    await overtakeList('coi-c', [instance('coi-a'), instance('coi-b'), instance('coi-c')]);
    expect([...cache.all()].map((seen) => seen.instance.name)).toEqual(['coi-a', 'coi-b', 'coi-c']);
    expect(cache.ofSandbox('c')).toHaveLength(1);
    expect(vanished).toBe(0);
  });

  test('one that was deleted meanwhile', async () => {
    await overtakeList('coi-a', [instance('coi-b')]);
    expect([...cache.all()].map((seen) => seen.instance.name)).toEqual(['coi-b']);
    expect(cache.ofSandbox('a')).toEqual([]);
    expect(vanished).toBe(1);
  });

  test('until the next list', async () => {
    await overtakeList('coi-a', [instance('coi-a', 'frozen'), instance('coi-b')]);
    incus.now = [instance('coi-b')];
    const list = cache.relist(2);
    incus.answer();
    expect([...(await list)]).toEqual(['coi-a']);
    expect(cache.get('coi-a')).toBeUndefined();
  });
});

describe('a list is what counts', () => {
  test('for everything that was not looked at meanwhile', async () => {
    const list = cache.relist(1);
    const look = cache.refresh('coi-a');
    incus.answer(1);
    await look;
    incus.answer();
    await list;
    incus.now = [instance('coi-a'), instance('coi-b', 'stopped'), instance('coi-c')];
    const next = cache.relist(2);
    incus.answer();
    expect([...(await next)]).toEqual(['coi-b', 'coi-c']);
    expect(cache.get('coi-b')?.instance.state).toBe('stopped');
  });

  test('over a look that was asked for before it', async () => {
    const look = cache.refresh('coi-a');
    incus.now = [instance('coi-a', 'frozen'), instance('coi-b')];
    const list = cache.relist(1);
    incus.answer();
    await look;
    incus.answer();
    expect([...(await list)]).toEqual(['coi-a']);
    expect(cache.get('coi-a')?.instance.state).toBe('frozen');
  });
});

test('a list that fails leaves everything as it was, doubts too', async () => {
  cache.doubt('coi-a');
  incus.isFailing = true;
  const list = cache.relist(1);
  expect(cache.isDoubted('coi-a')).toBe(false);
  incus.answer();
  await expect(list).rejects.toThrow('cut off');
  expect(cache.isDoubted('coi-a')).toBe(true);
  expect(cache.get('coi-a')?.instance.state).toBe('running');
  expect(cache.listedAt).toBe(0);
});
