import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Upstream } from '../lab/upstream.ts';
import type { Zone } from '../lab/name-server.ts';
import { until } from '../lab/until.ts';
import type { LookedUp, Lookup } from './lookup.ts';
import { Place, type Guest } from './place.ts';

const gateway4 = '10.90.0.1';
const gateway6 = 'fd42:90::1';
const public4 = '203.0.113.10';
const other4 = '203.0.113.11';
const third4 = '198.51.100.10';
const public6 = '2001:db8:113::10';
const private4 = '10.7.0.10';
const metadata4 = '169.254.169.254';

const a = (data: string, ttl = 60) => ({ type: 'A', data, ttl }) as const;
const alias = (data: string) => ({ type: 'CNAME', data }) as const;

const zone: Zone = {
  'api.example.test': [a(public4), { type: 'AAAA', data: public6 }],
  'cdn.example.test': [alias('edge.example.net')],
  'edge.example.net': [a(other4)],
  'one.wild.test': [a(other4)],
  'wild.test': [a(other4)],
  'port.example.org': [a(third4)],
  'inside.example.test': [a(private4)],
  'alias.example.test': [alias('hidden.example.net')],
  'hidden.example.net': [a(private4)],
  'mixed.example.test': [a(private4), a(other4)],
  'clouds.example.test': [a(metadata4)],
  'bridge.example.test': [a('10.90.0.77')],
  'host.example.test': [a('203.0.113.1')],
  'short.example.test': [a(public4, 1)],
  'doh.opendns.com': [a('8.8.8.8')],
  'secret.example.org': [a(public4)],
};
const entries = ['api.example.test', '*.example.test', '*.wild.test', 'port.example.org:8080', '*.opendns.com'];

let place: Place;
let upstream: Upstream;
let guest: Guest;

beforeAll(async () => {
  place = await Place.open({
    name: 'names',
    prepare: async (lab) => {
      upstream = await Upstream.open(lab);
      await upstream.zone(zone);
    },
  });
  for (const name of ['internet', 'private'] as const) {
    const neighbour = await place.neighbour(name);
    for (const port of [443, 853, 8080]) await neighbour.order({ do: 'serve', port });
  }
  guest = await place.guest('listed', ...allowlist(...entries));
  // A fresh link takes a moment to carry IPv6.
  await until('an answer over IPv6', async () => {
    const answer = await ask('api.example.test', { type: 'AAAA', server: gateway6 });
    return Array.isArray(answer);
  });
});
afterEach(() => upstream.zone(zone));
afterAll(() => place?.[Symbol.asyncDispose]());

function allowlist(...allowed: readonly string[]): string[] {
  return [`network = { mode = "allowlist", allowed_domains = ${JSON.stringify(allowed)} }`];
}

function ask(name: string, options: Partial<Lookup> = {}): Promise<LookedUp> {
  return guest.order({ do: 'lookup', name, server: gateway4, ...options }) as Promise<LookedUp>;
}

/** Whether a port can be reached; what is allowed gets more than one try on a busy machine. */
async function reaches(host: string, port = 443, from: Pick<Guest, 'order'> = guest): Promise<boolean> {
  for (let tries = 0; tries < 4; tries += 1) {
    if ((await from.order({ do: 'connect', host, port })) === 'open') return true;
  }
  return false;
}

async function connection(host: string): Promise<number> {
  return until(`a connection to ${host}`, async () => {
    const number = await guest.order({ do: 'connect', host, port: 443, keep: true });
    return number === 'shut' ? undefined : (number as number);
  });
}

/** Addresses in the timed sets that are open to a sandbox. */
async function opened({ ipv4 }: Pick<Guest, 'ipv4'>): Promise<string[]> {
  const lists = await Promise.all(
    ['web4', 'port4'].map((set) => place.lab.inside.output(['nft', 'list', 'set', 'inet', 'coi', set])),
  );
  const pattern = new RegExp(`${ipv4.replaceAll('.', String.raw`\.`)} \\. (\\S+)`, 'g');
  return lists.flatMap((list) => [...list.matchAll(pattern)].map(([, to]) => to!)).toSorted();
}

async function count(result: string): Promise<number> {
  const line = (await place.controller.metrics()).find((each) =>
    each.includes(`dns_queries_total{result="${result}"}`),
  );
  return Number(line?.split(' ').at(-1));
}

describe('an allowed name', () => {
  it('is answered and can be reached over both families, on the ports of the web', async () => {
    expect(await ask('API.example.test')).toEqual([public4]);
    expect(await reaches(public4)).toBe(true);
    expect(await ask('api.example.test', { type: 'AAAA', server: gateway6 })).toEqual([public6]);
    expect(await reaches(public6)).toBe(true);
    for (const host of [public4, public6]) expect(await guest.order({ do: 'connect', host, port: 8080 })).toBe('shut');
  });

  it('is answered over TCP', async () => {
    expect(await ask('api.example.test', { tcp: true })).toEqual([public4]);
    expect(await ask('secret.example.org', { tcp: true })).toBe('absent');
  });

  it('may stand below a wildcard, which does not mean itself', async () => {
    expect(await reaches(other4)).toBe(false);
    expect(await ask('wild.test')).toBe('absent');
    expect(await ask('one.wild.test')).toEqual([other4]);
    expect(await reaches(other4)).toBe(true);
  });

  it('opens only its port where the entry names one', async () => {
    expect(await reaches(third4, 8080)).toBe(true);
    expect(await reaches(third4, 443)).toBe(false);
    await place.controller.declare('listed', ...allowlist(...entries, 'late.example.org:8080'));
    await upstream.zone({ ...zone, 'late.example.org': [a(public4)] });
    expect(
      await until('the new list', async () => {
        const answer = await ask('late.example.org');
        return answer === 'absent' ? undefined : answer;
      }),
    ).toEqual([public4]);
    expect(await reaches(public4, 8080)).toBe(true);
    await place.controller.declare('listed', ...allowlist(...entries));
    await until('the old list', async () => (await ask('late.example.org')) === 'absent');
    await until('the port to be shut', async () => !(await reaches(public4, 8080)));
    expect(await reaches(public4)).toBe(true);
  });

  it('is answered with the addresses at the end of its aliases, under its own name', async () => {
    expect(await ask('cdn.example.test')).toEqual([other4]);
    await upstream.behave({ short: true, zone: { ...zone, 'cut.example.test': [alias('edge.example.net')] } });
    expect(await ask('cut.example.test')).toEqual([other4]);
  });

  it('tells nothing but addresses', async () => {
    const before = upstream.asked().length;
    for (const type of ['TXT', 'HTTPS', 'SVCB', 'MX', 'NULL', 'ANY', 'CNAME']) {
      expect([type, await ask('api.example.test', { type })]).toEqual([type, 'empty']);
    }
    expect(upstream.asked()).toHaveLength(before);
  });
});

describe('a name that is not allowed', () => {
  it('is refused at once and never asked for elsewhere', async () => {
    const denied = await count('denied');
    for (const type of ['A', 'AAAA', 'TXT']) expect(await ask('secret.example.org', { type })).toBe('absent');
    expect(await ask('api.example.test.attacker.test')).toBe('absent');
    expect(await ask('example.test.')).toBe('absent');
    expect(await ask('coi-listed.incus')).toBe('absent');
    expect(upstream.asked().filter((each) => /secret|attacker|incus/.test(each))).toEqual([]);
    expect(await count('denied')).toBeGreaterThanOrEqual(denied + 6);
  });

  it('is a public resolver that only a wildcard covers, or one that looks like data', async () => {
    expect(await ask('doh.opendns.com')).toBe('absent');
    const data = 'mzxw6ytboi3gk2ltor2w45dforqw4zltmfwxa3df';
    expect(await ask(`${data}.wild.test`)).toBe('absent');
    expect(await ask(`${'a'.repeat(49)}.wild.test`)).toBe('absent');
    expect(upstream.asked().filter((each) => /opendns|mzxw|aaaa\./.test(each))).toEqual([]);
  });

  it.each([
    ['private', 'inside.example.test', private4],
    ['private behind an alias', 'alias.example.test', private4],
    ['where clouds keep their metadata', 'clouds.example.test', metadata4],
    ['of another sandbox', 'bridge.example.test', '10.90.0.77'],
    ['of this host', 'host.example.test', '203.0.113.1'],
  ])('leads to an address that is %s', async (_, name, address) => {
    expect(await ask(name)).toBe('absent');
    expect(await opened(guest)).not.toContain(address);
    expect(await reaches(address)).toBe(false);
  });

  it('loses the addresses that are private, and keeps the others', async () => {
    expect(await ask('mixed.example.test')).toEqual([other4]);
    expect(await opened(guest)).not.toContain(private4);
  });

  it('stays refused when the answer changes between two questions', async () => {
    await upstream.zone({ ...zone, 'rebind.example.test': [a(other4, 0)] });
    expect(await ask('rebind.example.test')).toEqual([other4]);
    await upstream.zone({ ...zone, 'rebind.example.test': [a(private4, 0)] });
    expect(await ask('rebind.example.test')).toBe('absent');
    expect(await reaches(private4)).toBe(false);
  });

  it('cannot be asked of any other server', async () => {
    const before = upstream.asked().length;
    // Its own resolver only where its questions are turned to it.
    for (const elsewhere of [{ server: public4 }, { server: public6 }, { port: 5380 }]) {
      expect(await ask('api.example.test', { ...elsewhere, tcp: true, tries: 1 })).toBe('shut');
      // The kernel sends only so many refusals of datagrams in a second.
      expect(await ask('api.example.test', { ...elsewhere, tries: 1 })).toMatch(/^(?:shut|silent)$/);
    }
    expect(upstream.asked()).toHaveLength(before);
    await ask('api.example.test');
    expect(await guest.order({ do: 'connect', host: public4, port: 853 })).toBe('shut');
  });
});

describe('a list that changes', () => {
  it('cuts what it no longer allows and nothing else', async () => {
    await ask('api.example.test');
    await ask('one.wild.test');
    const [kept, cut] = [await connection(public4), await connection(other4)];
    await place.controller.declare('listed', ...allowlist('api.example.test'));
    await until('the flow to be cut', async () => (await guest.order({ do: 'talk', connection: cut })) === 'shut');
    expect(await opened(guest)).toEqual([public4]);
    expect(await guest.order({ do: 'talk', connection: kept })).toBe('open');
    expect(await guest.order({ do: 'talk', connection: cut })).toBe('shut');
    expect(await reaches(other4)).toBe(false);
    await place.controller.declare('listed', ...allowlist(...entries));
    await until('the name to be allowed again', async () => Array.isArray(await ask('one.wild.test')));
    expect(await reaches(other4)).toBe(true);
  });
});

describe('what was allowed stays', () => {
  it.each(['nft flush ruleset', 'nft delete table inet coi', 'nft flush set inet coi web4'])(
    'after %s',
    async (command) => {
      await ask('api.example.test');
      expect(await reaches(public4)).toBe(true);
      await place.lab.inside.output(command.split(' '));
      await until('the address to be back', async () => (await opened(guest)).includes(public4));
      expect(await reaches(public4)).toBe(true);
    },
  );

  it('in the same transaction that loads everything anew', async () => {
    await ask('api.example.test');
    const monitor = place.lab.spawn(['nft', 'monitor']);
    await until('notifications to arrive', async () => {
      await place.lab.inside.output(['sh', '-c', 'nft add table ip probe; nft delete table ip probe']);
      return monitor.output.includes('probe');
    });
    await place.lab.inside.output(['nft', 'flush', 'ruleset']);
    const load = await until('the load', () => {
      // What stands after the last end of a transaction has not arrived in full.
      const whole = monitor.output.split(/^# new generation.*$/m).slice(0, -1);
      return whole.find((part) => part.includes('create table inet coi'));
    });
    expect(load).toMatch(new RegExp(`add element inet coi web4 .*${guest.ipv4} \\. ${public4}`));
    await monitor.stop();
  });

  it('while what somebody else put in goes', async () => {
    const element = `{ ${guest.ipv4} . 203.0.113.99 timeout 1h }`;
    expect(await opened(guest)).not.toContain('203.0.113.99');
    await place.lab.inside.output(['nft', 'add', 'element', 'inet', 'coi', 'web4', element]);
    await until(
      'it to be gone',
      async () =>
        !(await place.lab.inside.output(['nft', 'list', 'set', 'inet', 'coi', 'web4'])).includes('203.0.113.99'),
    );
  });

  it('while no server answers, also over a restart', async () => {
    expect(await ask('short.example.test')).toEqual([public4]);
    const before = await count('stale');
    await upstream.behave({ mute: true });
    await until('its time to be over', async () => {
      await ask('short.example.test', { waitMs: 5_000 });
      return (await count('stale')) > before;
    });
    await place.controller.restart('SIGKILL');
    expect(await ask('short.example.test', { waitMs: 5_000 })).toEqual([public4]);
    expect(await reaches(public4)).toBe(true);
    expect(await ask('never.example.test', { waitMs: 5_000 })).toBe('failed');
  });
});

describe('a controller that ends', () => {
  it('is back within one more try, and what was reachable stays so', async () => {
    await ask('api.example.test');
    const kept = await connection(public4);
    await place.controller.stop('SIGKILL');
    // The first question comes while nobody is there.
    await Promise.all([ask('api.example.test', { tries: 1, waitMs: 1_000 }), place.controller.start()]);
    expect(await ask('api.example.test', { tries: 1, waitMs: 20_000 })).toEqual([public4]);
    expect(await guest.order({ do: 'talk', connection: kept })).toBe('open');
    expect(await opened(guest)).toContain(public4);
    await place.lab.inside.output(['nft', 'flush', 'ruleset']);
    await until('the rules to be back', async () => (await opened(guest)).includes(public4));
  });

  it('finds what its list no longer allows when it comes back', async () => {
    await ask('one.wild.test');
    const cut = await connection(other4);
    await place.controller.stop('SIGKILL');
    await place.controller.declare('listed', ...allowlist('api.example.test'));
    await place.controller.start();
    await until('the flow to be cut', async () => (await guest.order({ do: 'talk', connection: cut })) === 'shut');
    expect(await opened(guest)).toEqual([public4]);
    await place.controller.declare('listed', ...allowlist(...entries));
    await until('the list to hold', async () => Array.isArray(await ask('one.wild.test')));
  });
});

describe('a sandbox', () => {
  it('is not created while nothing that it names can be found, and then is', async () => {
    const created = async () => (await place.controller.instances()).has('coi-lost');
    await place.controller.declare('lost', ...allowlist('nowhere.example.org', 'inside.example.test'));
    const { exitCode, stderr } = await place.controller.coi('apply', '--wait', '--timeout', '6s');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('lost: ');
    const { conditions } = await place.controller.condition('lost', 'Ready=False(Failed)');
    expect(conditions.find(({ type }) => type === 'Ready')?.message).toContain(
      'inside.example.test (its addresses are private',
    );
    expect(await created()).toBe(false);
    await upstream.zone({ ...zone, 'nowhere.example.org': [a(third4)] });
    const lost = await place.controller.when('lost', ({ ready }) => ready, { timeoutMs: 60_000 });
    expect(lost.state).toBe('running');
    expect(await opened({ ipv4: lost.ipv4 ?? '' })).toEqual([third4]);
  });

  it('is not started again while its list names nothing that can be found', async () => {
    await place.controller.declare('lost', 'state = "stopped"', ...allowlist('nowhere.example.org'));
    await place.controller.ready('lost', 'stopped');
    await place.controller.declare('lost', ...allowlist('inside.example.test'));
    await place.controller.condition('lost', 'Ready=False(Failed)');
    expect((await place.controller.instances()).get('coi-lost')).toBe('Stopped');
    await place.controller.declare('lost', ...allowlist('api.example.test'));
    await place.controller.ready('lost', 'running');
  });

  it('takes with it what was known for it', async () => {
    const { uid = '', ipv4 = '' } = await place.controller.ready('lost');
    const files = () => readdir(join(place.lab.stateDir, 'names'));
    expect(await files()).toContain(`${uid}.json`);
    await place.controller.remove('lost.toml');
    await place.controller.gone('lost');
    expect(await files()).not.toContain(`${uid}.json`);
    expect(await opened({ ipv4 })).toEqual([]);
  });

  it('that is not on a list asks the bridge as before', async () => {
    const other = await place.guest('free');
    const server = gateway4;
    expect(await other.order({ do: 'lookup', name: 'secret.example.org', server, waitMs: 5_000 })).toEqual([public4]);
  });
});
