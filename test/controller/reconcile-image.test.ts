import { setImmediate } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { reconcileBackoff } from '../../src/base/backoff.ts';
import type { ImageSeen } from '../../src/controller/image-builder.ts';
import { WorkQueue } from '../../src/controller/queue.ts';
import { ImageReconciler, type ImageBuildEvent } from '../../src/controller/reconcile-image.ts';
import type { ImageManifest } from '../../src/spec/declared-image.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const minuteMs = 60_000;
const { signal } = new AbortController();

function declared(name: string, definition = name, keep = 3): ImageManifest {
  const image = { recipe: { kind: 'definition', definition }, keep } as const;
  return { name, image, source: 's', position: { file: 'f', line: 1 }, hash: `${definition} ${keep}` };
}

/** A build that goes on until a test ends it. */
interface Build {
  readonly name: string;
  readonly signal: AbortSignal;
  end(error?: unknown): Promise<void>;
}

class World {
  readonly clock = new FakeClock();
  readonly lifetime = new AbortController();
  readonly images = new Map<string, ImageManifest>();
  readonly seen = new Map<string, ImageSeen>();
  readonly builds: Build[] = [];
  readonly events: ImageBuildEvent[] = [];
  readonly bugs: unknown[] = [];
  readonly queue = new WorkQueue({ clock: this.clock, backoff: reconcileBackoff });
  readonly reconciler: ImageReconciler;

  constructor(looksOnly = false) {
    const { clock, queue, lifetime } = this;
    this.reconciler = new ImageReconciler({
      clock,
      queue,
      looksOnly,
      lifetime: lifetime.signal,
      random: () => 0.5,
      desired: { images: () => this.images },
      sandboxes: { all: () => [] },
      builder: {
        look: async ({ name }) => this.seen.get(name) ?? { look: { kind: 'missing' }, wanted: 'w' },
        build: ({ name }, options) => this.#build(name, options.signal),
      },
      listeners: {
        onImageBuild: (event) => void this.events.push(event),
        onImageLine: () => undefined,
        onImageBug: (_, error) => void this.bugs.push(error),
      },
    });
  }

  #build(name: string, stopped: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    stopped.addEventListener('abort', () => reject(stopped.reason as Error), { once: true });
    const end = async (error?: unknown) => {
      if (error === undefined) resolve();
      else reject(error);
      await setImmediate();
    };
    this.builds.push({ name, signal: stopped, end });
    return promise;
  }

  declare(...manifests: ImageManifest[]): void {
    for (const manifest of manifests) this.images.set(manifest.name, manifest);
  }

  visit(name: string) {
    return this.reconciler.reconcile(name, signal);
  }

  reasons(): Record<string, string> {
    return Object.fromEntries([...this.reconciler.all()].map(({ manifest, reason }) => [manifest.name, reason]));
  }

  /** Keys that wait for a worker now. */
  keys(): string[] {
    return this.queue
      .snapshot()
      .ready.map(({ key }) => key)
      .toSorted();
  }
}

const failure = new Problem({ code: 'image.build-failed', message: 'image "a": no network' });
let world: World;
beforeEach(() => (world = new World()));

test('one image is built at a time, without a visit that waits for it, and the next one has its turn then', async () => {
  world.declare(declared('a'), declared('b'));
  expect([await world.visit('a'), await world.visit('b')]).toEqual([{ kind: 'settled' }, { kind: 'settled' }]);
  expect([world.builds.map(({ name }) => name), world.reasons()]).toEqual([['a'], { a: 'Building', b: 'Queued' }]);
  expect(world.reconciler.coming('b')).toBe('Its image "b" is built as soon as another one is');
  await world.builds[0]!.end();
  expect(world.keys()).toEqual(['image/a', 'image/b']);
  await world.visit('b');
  expect(world.builds.map(({ name }) => name)).toEqual(['a', 'b']);
});

describe('a build that failed', () => {
  beforeEach(async () => {
    world.declare(declared('a'));
    await world.visit('a');
    await world.builds[0]!.end(failure);
  });

  test('is tried again later, each time after twice as long', async () => {
    const waits: (number | undefined)[] = [];
    for (const expected of [1, 2, 4]) {
      const result = await world.visit('a');
      waits.push(result.kind === 'settled' ? result.afterMs : undefined);
      expect(world.reasons()).toEqual({ a: 'BuildFailed' });
      await world.clock.advance(expected * minuteMs);
      await world.visit('a');
      expect(world.reasons()).toEqual({ a: 'Building' });
      await world.builds.at(-1)!.end(failure);
    }
    expect(waits).toEqual([minuteMs, 2 * minuteMs, 4 * minuteMs]);
    expect(world.reconciler.coming('a')).toMatch(/^Its image "a" cannot be built|^Its image "a" is being built$/);
  });

  test('is tried at once when it would be built from something else', async () => {
    world.seen.set('a', { look: { kind: 'missing' }, wanted: 'other' });
    await world.visit('a');
    expect(world.builds).toHaveLength(2);
  });

  test('is told with its reason, and that of a defect is', async () => {
    expect(world.events.map(({ phase, problem }) => [phase, problem?.code])).toEqual([
      ['started', undefined],
      ['failed', 'image.build-failed'],
    ]);
    await world.clock.advance(minuteMs);
    await world.visit('a');
    await world.builds.at(-1)!.end(new TypeError('undefined is not a function'));
    expect([world.events.at(-1)!.problem?.code, world.bugs.length]).toEqual(['coi.bug', 1]);
  });
});

test('a build ends when it is to be built from something else or no more, and that counts as no failure', async () => {
  world.declare(declared('a'));
  await world.visit('a');
  world.declare(declared('a', 'a', 7));
  await world.visit('a');
  expect(world.builds[0]!.signal.aborted).toBe(false);
  world.declare(declared('a', 'other'));
  await world.visit('a');
  expect(world.builds[0]!.signal.aborted).toBe(true);
  await setImmediate();
  await world.visit('a');
  expect([world.builds.length, world.reasons()]).toEqual([2, { a: 'Building' }]);
  world.images.clear();
  await world.visit('a');
  await setImmediate();
  await world.visit('a');
  expect([world.builds[1]!.signal.aborted, world.reasons()]).toEqual([true, {}]);
  expect(world.reconciler.coming('a')).toBeUndefined();
});

test('a build ends with the controller, which waits for that', async () => {
  world.declare(declared('a'));
  await world.visit('a');
  world.lifetime.abort();
  await world.reconciler.ended();
  expect(world.events.at(-1)).toMatchObject({ phase: 'failed', problem: { code: 'image.called-off' } });
});

test('what is built is not built again at once, whatever is seen', async () => {
  world.declare(declared('a'));
  await world.visit('a');
  await world.builds[0]!.end();
  expect(await world.visit('a')).toEqual({ kind: 'settled', afterMs: 20_000 });
  await world.clock.advance(20_000);
  await world.visit('a');
  expect(world.builds).toHaveLength(2);
});

test('a command only looks', async () => {
  world = new World(true);
  world.declare(declared('a'));
  await world.visit('a');
  expect([world.builds, world.reasons(), world.reconciler.coming('a')]).toEqual([[], { a: 'Missing' }, undefined]);
});

test('what cannot be looked at says why', async () => {
  const wrong = new Problem({ code: 'image.no-definition', message: 'There is no image definition "a"' });
  world.declare(declared('a'));
  world.seen.get = () => {
    throw wrong;
  };
  await expect(world.visit('a')).rejects.toBe(wrong);
  expect([...world.reconciler.all()]).toMatchObject([{ reason: 'Failed', message: wrong.message, problem: wrong }]);
  expect(world.reconciler.coming('a')).toBe('Its image "a" cannot be built: There is no image definition "a"');
});
