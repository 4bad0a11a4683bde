import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Agent } from '../host/nft/world.ts';
import { until } from '../lab/until.ts';
import { listRules } from '../lab/world.ts';
import { Place, type Guest } from './place.ts';

const port = 8081;
const public4 = '203.0.113.10';
const public6 = '2001:db8:113::10';
const private4 = '10.7.0.10';
const private6 = 'fd77::10';
const everywhere = [public4, public6, private4, private6];

let place: Place;
let guest: Guest;
let host: Agent;
let inner: Agent;

beforeAll(async () => {
  place = await Place.open({ name: 'tighten' });
  host = place.host();
  inner = await place.neighbour('private');
  for (const agent of [inner, await place.neighbour('internet')]) await agent.order({ do: 'serve', port });
  guest = await place.guest('busy', 'network.mode = "open"');
  await guest.order({ do: 'serve', port });
  for (const address of everywhere) await openTo(address);
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** A connection that stays; a fresh link takes a moment to carry IPv6. */
function openTo(address: string): Promise<number> {
  return until(`a connection to ${address}`, async () => {
    const connection = await guest.order({ do: 'connect', host: address, port, keep: true });
    return connection === 'shut' ? undefined : (connection as number);
  });
}

/** Milliseconds until a connection no longer carries anything. */
async function untilCut(connection: number): Promise<number> {
  const began = performance.now();
  for (;;) {
    const asked = performance.now();
    if ((await guest.order({ do: 'talk', connection })) === 'shut') return asked - began;
    if (asked - began > 10_000) throw new Error('it was not cut');
  }
}

describe('a mode that is changed while a sandbox runs', () => {
  it('cuts what it no longer allows within a second, keeps the rest, and lets it all in again', async () => {
    const flows = new Map<string, number>();
    for (const address of everywhere) flows.set(address, await openTo(address));
    const talk = (address: string) => guest.order({ do: 'talk', connection: flows.get(address)! });

    await place.controller.declare('busy', 'network.mode = "restricted"');
    const cut = await Promise.all([private4, private6].map((address) => untilCut(flows.get(address)!)));
    await place.applied('busy', 'restricted');
    // Not only the answers stay away.
    const arrived = await inner.order({ do: 'received', port });
    for (const address of [private4, private6]) expect(await talk(address)).toBe('shut');
    expect(await inner.order({ do: 'received', port })).toBe(arrived);
    expect([await talk(public4), await talk(public6)]).toEqual(['open', 'open']);
    expect(await guest.order({ do: 'connect', host: private4, port })).toBe('shut');

    await place.controller.declare('busy', 'network.mode = "none"');
    cut.push(...(await Promise.all([public4, public6].map((address) => untilCut(flows.get(address)!)))));
    console.log(`file saved → cut: ${cut.map(Math.round).join(', ')} ms`);
    expect(Math.max(...cut)).toBeLessThan(1_000);
    await place.applied('busy', 'none');
    const kept = (await host.order({ do: 'connect', host: guest.ipv4, port, keep: true })) as number;

    await place.mode('busy', 'open');
    for (const address of everywhere) expect(await guest.order({ do: 'connect', host: address, port })).toBe('open');
    expect(await host.order({ do: 'talk', connection: kept })).toBe('open');
  });

  it.each(['frozen', 'stopped'])('leaves the rules of one that is %s', async (state) => {
    await place.controller.declare('busy', `state = "${state}"`);
    await place.controller.ready('busy', state);
    const rules = await listRules(place.lab);
    for (const known of [guest.uid, guest.ipv4, guest.ipv6, guest.port]) expect(rules).toContain(known);
    await place.controller.restart('SIGKILL');
    expect(await listRules(place.lab)).toContain(guest.uid);
    await place.controller.declare('busy', 'state = "running"');
    await place.controller.ready('busy', 'running');
  });
});
