import { beforeEach, expect, test } from 'vitest';
import type { Image } from '../../src/host/incus/images.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { findBase, type BaseTools } from '../../src/image/bases.ts';
import { lockBuild } from '../../src/image/build-lock.ts';
import type { BaseSource, Definition } from '../../src/image/definition.ts';

const clock = new FakeClock();
const signal = new AbortController().signal;
const remote: BaseSource = { kind: 'remote', name: 'images:debian/13' };
const definition = { name: 'tools', bases: [remote] } as unknown as Definition;

/** Images of this host by fingerprint, with their aliases. */
let images: Map<string, string[]>;

beforeEach(() => {
  images = new Map([['cached', []]]);
});

/** @param fetched what the image server has */
function toolsFor(fetched: string, more: Partial<BaseTools> = {}): BaseTools {
  const imageOf = ([fingerprint, aliases]: [string, string[]]) =>
    ({ fingerprint, aliases, architecture: 'x86_64' }) as unknown as Image;
  const incus = {
    images: {
      list: async () => [...images].map(imageOf),
      get: async (fingerprint: string) => imageOf([fingerprint, images.get(fingerprint)!]),
      delete: async (fingerprint: string) => images.delete(fingerprint),
    },
    operations: { finish: async () => ({}) },
    server: async () => ({ architectures: ['x86_64'] }),
  } as unknown as BaseTools['incus'];
  const never = () => Promise.reject(new Error('not asked for'));
  return {
    incus,
    signal,
    say: () => undefined,
    hold: (identity) =>
      lockBuild({ subject: `fresh ${process.pid} ${identity}`, clock, signal, onWait: () => undefined }),
    aliasOf: never,
    build: never,
    fetch: async () => {
      // Incus fetches nothing that it has.
      if (!images.has(fetched)) images.set(fetched, []);
      return fetched;
    },
    bootstrap: never,
    bootstrapRecipe: never,
    ...more,
  };
}

test('what was fetched for a build goes after it, also twice', async () => {
  const base = await findBase(toolsFor('new'), definition);
  expect([base.fingerprint, base.identity, images.has('new')]).toEqual(['new', 'remote images:debian/13', true]);
  await base[Symbol.asyncDispose]();
  await base[Symbol.asyncDispose]();
  expect([...images.keys()]).toEqual(['cached']);
});

test('what was there before stays, though it has no name', async () => {
  await (await findBase(toolsFor('cached'), definition))[Symbol.asyncDispose]();
  expect([...images.keys()]).toEqual(['cached']);
});

test('what somebody has given a name meanwhile stays', async () => {
  const base = await findBase(toolsFor('new'), definition);
  images.get('new')!.push('mine');
  await base[Symbol.asyncDispose]();
  expect([...images.keys()]).toEqual(['cached', 'new']);
});

test('what this host cannot run does not stay', async () => {
  const tools = toolsFor('new');
  const alien = { ...tools.incus, server: async () => ({ architectures: ['s390x'] }) } as unknown as BaseTools['incus'];
  await expect(findBase({ ...tools, incus: alien }, definition)).rejects.toThrow('is for x86_64');
  expect([...images.keys()]).toEqual(['cached']);
});

test('of one origin there is one holder at a time: none takes it from another', async () => {
  const first = await findBase(toolsFor('new'), definition);
  let isSecond = false;
  const waiting = findBase(toolsFor('new'), definition).finally(() => (isSecond = true));
  const other = { ...definition, bases: [{ ...remote, name: 'images:debian/12' }] } as Definition;
  await (await findBase(toolsFor('other'), other))[Symbol.asyncDispose]();
  expect(isSecond).toBe(false);
  await first[Symbol.asyncDispose]();
  await using second = await waiting;
  expect([second.fingerprint, images.has('new')]).toEqual(['new', true]);
});
