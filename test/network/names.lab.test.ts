import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LookedUp, Lookup } from './lookup.ts';
import { Upstream } from '../lab/upstream.ts';
import { until } from '../lab/until.ts';
import { Place, type Guest } from './place.ts';

const gateway4 = '10.90.0.1';
const gateway6 = 'fd42:90::1';
const public4 = '203.0.113.10';
const other4 = '203.0.113.11';
const public6 = '2001:db8:113::10';
const private4 = '10.7.0.10';

const zone = {
  'api.example.test': [
    { type: 'A', data: public4 },
    { type: 'AAAA', data: public6 },
  ],
} as const;

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
    for (const port of [443, 8080]) await neighbour.order({ do: 'serve', port });
  }
  guest = await place.guest('listed', ...allowlist('api.example.test'));
});
afterAll(() => place?.[Symbol.asyncDispose]());

function allowlist(...entries: readonly string[]): string[] {
  return [`network = { mode = "allowlist", allowed_domains = ${JSON.stringify(entries)} }`];
}

function ask(name: string, options: Partial<Lookup> = {}): Promise<LookedUp> {
  return guest.order({ do: 'lookup', name, server: gateway4, ...options }) as Promise<LookedUp>;
}

/** Whether a port can be reached; what is allowed gets more than one try on a busy machine. */
async function reaches(host: string, port = 443): Promise<boolean> {
  for (let tries = 0; tries < 3; tries += 1) {
    if ((await guest.order({ do: 'connect', host, port })) === 'open') return true;
  }
  return false;
}

describe('an allowed name', () => {
  it('is answered and can be reached, over either family', async () => {
    expect(await ask('api.example.test')).toEqual([public4]);
    expect(await reaches(public4)).toBe(true);
    // A fresh link takes a moment to carry IPv6.
    const answer = await until('an answer over IPv6', async () => {
      const each = await ask('api.example.test', { type: 'AAAA', server: gateway6 });
      return each === 'shut' ? undefined : each;
    });
    expect(answer).toEqual([public6]);
    expect(await reaches(public6)).toBe(true);
    expect(await reaches(other4)).toBe(false);
    expect(await reaches(public4, 8080)).toBe(false);
  });
});
