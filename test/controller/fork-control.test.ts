import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { ForkControl, type ForkInit } from '../../src/controller/fork-control.ts';
import type { ForkReport } from '../../src/controller/fork-api.ts';
import type { SandboxAwaited } from '../../src/controller/session-api.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, sandbox } from '../plan/given.ts';

const full = new Problem({ code: 'session.unwritable', message: 'No space left on device' });
const taken = new Problem({ code: 'session.taken', message: 'The name is taken' });

/** What fails, by the name of the copy that it is for. */
interface Given {
  readonly create?: Readonly<Record<string, Problem>>;
  readonly bury?: Readonly<Record<string, Problem>>;
  readonly record?: Readonly<Record<string, Problem>>;
  readonly tell?: Problem;
  readonly snapshot?: Problem;
  readonly drop?: Problem;
  /** How long Incus takes. */
  readonly finish?: (started: unknown) => Promise<void>;
  /** How far a copy comes; as far as it should unless given. */
  readonly awaited?: (name: string) => Promise<SandboxAwaited>;
}

/** As much of a controller as making copies of one sandbox needs. */
function controlWith(given: Given = {}) {
  const original = manifest({});
  const lifetime = new AbortController();
  const created: string[] = [];
  const buried: string[] = [];
  const dropped: string[] = [];
  const fail = (problem: Problem | undefined) => {
    if (problem) throw problem;
  };
  const owner = { kind: 'owned', stamp: { name: original.name } };
  const instance = { state: 'running', status: 'Running', expandedDevices: { root: { pool: 'p' } } };
  const control = new ForkControl({
    controller: {
      desired: { manifests: () => new Map([[original.name, original]]), declaredAs: () => undefined },
      instances: { refresh: async () => ({ instance, owner }), get: () => ({ instance }) },
      policies: { overrides: () => [], now: () => 0 },
      sandboxes: { get: () => undefined },
      sources: { read: async () => fail(given.tell) },
      hintSandbox: () => undefined,
      hands: {
        clock: new FakeClock(),
        incus: {
          storage: { get: async () => ({ driver: 'btrfs' }) },
          snapshots: {
            names: async () => [],
            create: async () => fail(given.snapshot),
            delete: async ({ snapshot }: { snapshot: string }) => {
              dropped.push(snapshot);
              fail(given.drop);
              return 'removal';
            },
          },
          operations: { finish: given.finish ?? (async () => undefined) },
        },
      },
    },
    manifests: {
      sourceOf: (uid: number) => `session/${uid}`,
      read: async () => sandbox(),
      create: async (_: number, { name }: { name: string }) => {
        fail(given.create?.[name]);
        created.push(name);
      },
      environmentOf: async () => ({}),
    },
    lifetime: lifetime.signal,
    sessions: {
      isTaken: async () => false,
      inTurn: (run: () => Promise<unknown>) => run(),
      bury: async ({ name }: { name: string }) => {
        fail(given.bury?.[name]);
        buried.push(name);
      },
      record: async (name: string) => fail(given.record?.[name]),
      awaitSandbox: async ({ name }: { name: string }) => given.awaited?.(name) ?? { outcome: 'reached' },
    },
  } as unknown as ForkInit);
  const fork = (...names: string[]): Promise<ForkReport> =>
    control.fork({ uid: 1000, by: 'ann', name: original.name, copies: names.map((name) => ({ name })) });
  return { fork, created, buried, dropped, lifetime };
}

describe('what fails of a fork', () => {
  const never = (name: string) => async (each: string) => ({ outcome: each === name ? 'stuck' : 'reached' }) as const;

  it('is said to have left nothing declared only as long as nothing may be', async () => {
    for (const given of [{ snapshot: full }, { record: { a: full } }, { create: { x: taken, y: taken } }]) {
      const { fork, created, buried } = controlWith(given);
      await expect(fork('x', 'y')).rejects.toMatchObject({ code: 'fork.undeclared' });
      expect([created, buried]).toEqual([[], []]);
    }
  });

  it('is a failure of the copy when it cannot even be undeclared, and others stand', async () => {
    const { fork } = controlWith({ awaited: never('y'), bury: { y: full } });
    const { copies } = await fork('x', 'y', 'z');
    expect(copies).toMatchObject([
      { name: 'x' },
      { name: 'y', failure: expect.stringMatching(/No space left on device.*coi delete y/) },
      { name: 'z' },
    ]);
    expect(copies.map(({ failure }) => failure !== undefined)).toEqual([false, true, false]);
  });

  it('is a failure of the copy, which is undeclared, when it cannot be declared, noted or known', async () => {
    const cases: readonly [Given, readonly string[]][] = [
      [{ create: { y: full } }, ['y']],
      [{ create: { x: full } }, ['x']],
      [{ record: { y: full } }, ['y']],
      [{ tell: full }, ['x', 'y']],
    ];
    for (const [given, failed] of cases) {
      const { fork, buried } = controlWith(given);
      const { copies } = await fork('x', 'y');
      expect(copies.flatMap(({ name, failure }) => (failure === undefined ? [] : [name]))).toEqual(failed);
      expect(buried.toSorted()).toEqual(failed);
    }
  });

  it('does not undeclare what somebody else declared under its name', async () => {
    const { fork, buried } = controlWith({ create: { y: taken } });
    expect((await fork('x', 'y')).copies).toMatchObject([{}, { failure: 'The name is taken' }]);
    expect(buried).toEqual([]);
  });
});

it('the snapshot goes when all copies are made, and stays for the next controller when this one ends before', async () => {
  const usual = controlWith();
  await usual.fork('x');
  expect(usual.dropped).toEqual([expect.stringMatching(/^coi-fork-[0-9a-z]{26}$/)]);
  const refused = controlWith({ drop: full });
  expect((await refused.fork('x')).copies).toMatchObject([{ name: 'x', state: 'stopped' }]);
  const never = new Promise<void>(() => undefined);
  const slow = controlWith({ finish: async (started) => (started === 'removal' ? never : undefined) });
  expect((await slow.fork('x')).copies).toHaveLength(1);
  const ending = controlWith({
    awaited: async () => {
      ending.lifetime.abort();
      return ending.lifetime.signal.throwIfAborted() as never;
    },
  });
  await expect(ending.fork('x')).rejects.toThrow('aborted');
  expect([ending.created, ending.buried, ending.dropped]).toEqual([['x'], [], []]);
});
