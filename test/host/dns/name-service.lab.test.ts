import { createSocket } from 'node:dgram';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from 'dns-packet';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Problem } from '../../../src/base/problem.ts';
import { NameService } from '../../../src/host/dns/name-service.ts';
import type { Firewall } from '../../../src/host/firewall/firewall.ts';
import { openFirewall } from '../../../src/host/nft/firewall.ts';
import type { NetworkPolicy } from '../../../src/network/policy.ts';
import { renderRuleset } from '../../../src/network/ruleset.ts';
import { FakeClock } from '../../helpers/fake-clock.ts';
import { NameServer, type Zone } from '../../lab/name-server.ts';
import { until } from '../../lab/until.ts';
import { lookUp, type LookedUp, type Lookup } from '../../network/lookup.ts';
import { NamedNamespace } from '../nft/world.ts';

// Loopback addresses stand for those of the bridge: questions come from where they say they come from, as on the bridge.
const bridge = { name: 'coibr0', ipv4: '127.77.0.1/16' };
const server = '127.77.0.1';
const signal = AbortSignal.timeout(300_000);

const a = (data: string, ttl = 60) => ({ type: 'A', data, ttl }) as const;
const zone: Zone = {
  'a.test': [a('203.0.113.10')],
  'b.test': [a('203.0.113.11')],
  'quick.test': [a('203.0.113.12', 0)],
  'inside.test': [a('10.7.0.10')],
  ...Object.fromEntries(Array.from({ length: 400 }, (_, index) => [`n${index}.wild.test`, [a('203.0.113.50')]])),
};

let namespace: NamedNamespace;
let firewall: Firewall;
let upstream: NameServer;
let stateDir: string;
let clock: FakeClock;
let ending: AbortController;
let service: NameService;
let running: Promise<void>;
/** Times that the kernel was written to. */
let writes: { readonly allowed: string[]; readonly taken: string[] };
/** What the next write waits for. */
let gate: Promise<void>;
let open: Set<string>;
let problems: Problem[];

beforeAll(async () => {
  namespace = await NamedNamespace.make();
  firewall = await openFirewall({ clock: systemClock, signal, namespace: namespace.host, onDrift: () => undefined });
  await firewall.converge(renderRuleset({ bridge: { ...bridge, ipv4: '10.90.0.1/16' }, policies: [] }));
});
afterAll(async () => {
  await firewall?.[Symbol.asyncDispose]();
  await namespace?.[Symbol.asyncDispose]();
});
beforeEach(async () => {
  upstream = await NameServer.open({ zone });
  stateDir = await mkdtemp(join(tmpdir(), 'names-'));
  clock = new FakeClock();
  open = new Set();
  gate = Promise.resolve();
  problems = [];
  begin();
});
afterEach(async () => {
  await end();
  await upstream[Symbol.asyncDispose]();
  await firewall.disallow((await firewall.records.timed()).map((place) => ({ ...place, uid: 'x', seconds: 1 })));
  await rm(stateDir, { recursive: true });
});

function begin(): void {
  ending = new AbortController();
  writes = { allowed: [], taken: [] };
  const keys = (elements: readonly { key: string }[]) => elements.map(({ key }) => key);
  service = new NameService({
    clock,
    signal: ending.signal,
    bridge,
    stateDir,
    firewall: {
      allow: (elements) => {
        writes.allowed.push(...keys(elements));
        return gate.then(() => firewall.allow(elements));
      },
      disallow: (elements) => {
        writes.taken.push(...keys(elements));
        return firewall.disallow(elements);
      },
      records: firewall.records,
    },
    onQuery: () => undefined,
    onProblem: (problem) => problems.push(problem),
    servers: () => Promise.resolve([{ address: '127.0.0.1', port: upstream.port }]),
    flows: () => Promise.resolve(open),
  });
  running = service.run();
}

async function end(): Promise<void> {
  ending.abort();
  await running;
}

function policy(number: number, entries: readonly string[], refreshMinutes = 0): NetworkPolicy {
  const uid = `01JABCDEFGHJKMNPQRSTVWXY${number}A`;
  const endpoint = { port: `coi00000000000${number}`, mac: '10:66:6a:c0:00:14', ipv4: `127.77.0.2${number}` };
  const allowed = Object.fromEntries(entries.map((entry) => [entry, true as const]));
  return { uid, endpoint, rules: { mode: 'allowlist', allowed, refreshMinutes } };
}

const one = policy(1, ['a.test', '*.wild.test']);

function ask(name: string, options: Partial<Lookup> = {}): Promise<LookedUp> {
  return lookUp({ name, server, port: 5380, from: one.endpoint.ipv4, ...options });
}

const timed = () => service.timed().map(({ key }) => key);
const held = async () => (await firewall.records.timed()).map(({ key }) => key).toSorted();
const placeOf = (to: string) => `${one.endpoint.ipv4} . ${to}`;

/** Lets time pass, with what happens at its moments getting the real time that it takes. */
async function pass(seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 5) {
    await clock.advance(Math.min(5, left) * 1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Lets time pass until something is over. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  const passing = setInterval(() => clock.skip(100), 5);
  try {
    return await work;
  } finally {
    clearInterval(passing);
  }
}

describe('an answer', () => {
  it('comes when its addresses are in the kernel, and costs no writing when they are there', async () => {
    await service.follow([one]);
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
    expect(await held()).toEqual([placeOf('203.0.113.10')]);
    expect(writes.allowed).toHaveLength(1);
    for (let count = 0; count < 20; count += 1) await ask('a.test');
    clock.skip(61_000);
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
    expect(upstream.asked).toEqual(['A a.test', 'A a.test']);
    expect(writes.allowed).toHaveLength(1);
    // The longer time is written later, when there is no hurry.
    await pass(6);
    await until('the longer time to be written', () => writes.allowed.length === 2);
  });

  it('waits for as long as the kernel takes', async () => {
    await service.follow([one]);
    const written = Promise.withResolvers<void>();
    gate = written.promise;
    let answer: LookedUp | undefined;
    const asking = ask('a.test').then((told) => (answer = told));
    const again = ask('a.test');
    await until('the write to begin', () => writes.allowed.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(answer).toBeUndefined();
    written.resolve();
    expect([await asking, await again]).toEqual([['203.0.113.10'], ['203.0.113.10']]);
    expect(writes.allowed).toHaveLength(1);
  });

  it('is a failure where the kernel refuses, and is tried again', async () => {
    await service.follow([one]);
    gate = Promise.reject(new Error('not now'));
    gate.catch(() => undefined);
    expect(await ask('a.test')).toBe('failed');
    expect(problems).toHaveLength(1);
    gate = Promise.resolve();
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
    expect(await held()).toEqual([placeOf('203.0.113.10')]);
  });

  it('is nobody’s who has no allowlist', async () => {
    await service.follow([one]);
    expect(await ask('a.test', { from: '127.77.0.99', tries: 1, waitMs: 300 })).toBe('silent');
    await service.follow([{ ...one, rules: { mode: 'restricted' } }]);
    expect(await ask('a.test', { tries: 1, waitMs: 300 })).toBe('silent');
  });

  it('does not open what the list has lost while servers were asked', async () => {
    await service.follow([one]);
    upstream.manners = { zone, delayMs: 400 };
    const answer = ask('a.test');
    await until('the question to arrive', () => upstream.asked.length > 0);
    await service.followOne({ ...one, rules: policy(1, ['b.test']).rules });
    expect(await answer).toBe('absent');
    expect([timed(), await held()]).toEqual([[], []]);
  });

  it('never leads to questions that the list does not name, whatever arrives', async () => {
    await service.follow([one]);
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, one.endpoint.ipv4, resolve));
    const valid = encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'x.a.test', class: 'IN' }] });
    const packets = fc.sample(
      fc.oneof(
        fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { maxLength: 5 }).map((changes) => {
          const copy = Buffer.from(valid);
          for (const [at, value] of changes) copy[at] = value;
          return copy;
        }),
      ),
      1_500,
    );
    for (const packet of packets) {
      await new Promise((resolve) => socket.send(packet, 5380, server, resolve));
      clock.skip(20);
    }
    socket.close();
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
    const isNamed = (question: string) => /^(?:A|AAAA) (?:a\.test|[a-z0-9._-]+\.wild\.test)$/.test(question);
    expect(upstream.asked.filter((question) => !isNamed(question))).toEqual([]);
    expect(problems).toEqual([]);
  });
});

describe('what is refused', () => {
  it('is remembered with how often and why', async () => {
    await service.follow([policy(1, ['inside.test', '*.quad9.net'])]);
    for (const name of ['no.test', 'no.test', 'inside.test', 'dns.quad9.net']) expect(await ask(name)).toBe('absent');
    expect(await ask('no.test', { type: 'TXT' })).toBe('absent');
    const rows = service.denials(one.uid).map(({ name, type, reason, count }) => [name, type, reason, count]);
    expect(rows).toEqual([
      ['no.test', 'TXT', 'unlisted', 1],
      ['dns.quad9.net', 'A', 'known resolver', 1],
      ['inside.test', 'A', 'private answer', 1],
      ['no.test', 'A', 'unlisted', 2],
    ]);
  });

  it('is too many questions', async () => {
    await service.follow([one]);
    const answers: LookedUp[] = [];
    for (let count = 0; count < 301; count += 1) answers.push(await ask('a.test'));
    expect(answers.filter((answer) => answer === 'refused')).toHaveLength(1);
    expect(service.denials(one.uid)[0]).toMatchObject({ reason: 'rate' });
    clock.skip(1_000);
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
  });

  it('is too many new names below a wildcard, but never one that was asked for lately', async () => {
    await service.follow([one]);
    const answers: LookedUp[] = [];
    for (let number = 0; number < 121; number += 1) answers.push(await ask(`n${number}.wild.test`));
    expect(answers.indexOf('absent')).toBe(120);
    expect(upstream.asked).toHaveLength(120);
    expect(await ask('n0.wild.test')).toEqual(['203.0.113.50']);
    clock.skip(1_000);
    expect(await ask('n120.wild.test')).toEqual(['203.0.113.50']);
  });
});

describe('an address', () => {
  it('runs out with its answer and the grace after it, unless something is open to it', async () => {
    await service.follow([policy(1, ['a.test', 'b.test'])]);
    await ask('a.test');
    await ask('b.test');
    open.add(`${one.endpoint.ipv4} 203.0.113.10`);
    await pass(330);
    await until('the one in use to be written again', () => writes.allowed.length === 3);
    await pass(40);
    expect(timed()).toEqual([placeOf('203.0.113.10')]);
    expect(writes.allowed.at(-1)).toBe(placeOf('203.0.113.10'));
    open.clear();
    await pass(400);
    expect(timed()).toEqual([]);
  });

  it.each([
    [2, ['A a.test', 'A a.test']],
    [0, ['A a.test']],
  ])('is looked up again every %i minutes', async (minutes, asked) => {
    await service.prepare(policy(1, ['a.test'], minutes), signal);
    await pass(120);
    await until('the questions', () => upstream.asked.length === asked.length);
    expect(upstream.asked).toEqual(asked);
  });

  it('goes with the entry that led to it, before anything else is done', async () => {
    const both = policy(1, ['a.test', 'b.test']);
    await service.prepare(both, signal);
    expect(await held()).toEqual(['203.0.113.10', '203.0.113.11'].map(placeOf));
    const tight = policy(1, ['a.test']);
    expect(service.inForce(tight).rules).toBe(both.rules);
    await service.followOne(tight);
    expect(await held()).toEqual([placeOf('203.0.113.10')]);
    expect(service.inForce(both).rules).toBe(tight.rules);
    await service.followOne(policy(1, ['a.test', 'b.test:22']));
    expect(await held()).toEqual([placeOf('203.0.113.10'), `${placeOf('203.0.113.11')} . tcp . 22`]);
    await service.follow([]);
    expect(await held()).toEqual([]);
  });

  it('of a sandbox that is gone is nobody’s', async () => {
    await service.prepare(one, signal);
    await until('its file', async () => (await readdir(join(stateDir, 'names'))).length === 1);
    await service.forget(one.uid);
    expect([await held(), await readdir(join(stateDir, 'names'))]).toEqual([[], []]);
    expect(await ask('a.test', { tries: 1, waitMs: 300 })).toBe('silent');
  });

  it('that nobody knows of after a restart is taken out, and what is known stays', async () => {
    await service.prepare(policy(1, ['a.test', 'b.test']), signal);
    await until('its file', async () => (await readdir(join(stateDir, 'names'))).length === 1);
    await end();
    await firewall.allow([{ set: 'web4', key: placeOf('203.0.113.77'), uid: one.uid, seconds: 60 }]);
    begin();
    await service.follow([one]);
    expect(timed()).toEqual([placeOf('203.0.113.10')]);
    await service.restore();
    expect(await held()).toEqual([placeOf('203.0.113.10')]);
    expect(writes.allowed).toEqual([]);
    expect(await ask('a.test')).toEqual(['203.0.113.10']);
    expect(writes.allowed).toEqual([]);
  });
});

describe('before a start', () => {
  it('nothing that is named may be out of reach altogether', async () => {
    const failing = service.prepare(policy(1, ['gone.test', 'inside.test']), signal);
    await expect(failing).rejects.toMatchObject({
      code: 'network.names',
      retry: 'backoff',
      message: expect.stringMatching(/gone\.test \(it has no address\).*inside\.test \(its addresses are private/),
    });
    await service.prepare(policy(1, ['gone.test', 'a.test']), signal);
    await service.prepare(policy(2, ['gone.test', '203.0.113.99']), signal);
    await service.prepare(policy(3, ['*.gone.test']), signal);
    await service.prepare({ ...policy(4, []), rules: { mode: 'open' } }, signal);
  });

  it('what was known before is enough while no server answers', async () => {
    await service.prepare(one, signal);
    await until('its file', async () => (await readdir(join(stateDir, 'names'))).length === 1);
    await end();
    clock.skip(3_600_000);
    upstream.manners = { zone, mute: true };
    begin();
    await service.follow([one]);
    expect(timed()).toEqual([]);
    await inTime(service.prepare(one, signal));
    expect(timed()).toEqual([placeOf('203.0.113.10')]);
    await expect(inTime(service.prepare(policy(2, ['a.test']), signal))).rejects.toMatchObject({
      code: 'network.names',
    });
  });
});
