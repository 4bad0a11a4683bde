import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sized } from '../helpers/full.ts';
import { pick, seed, seededRandom } from '../helpers/random.ts';
import type { ZoneRecord } from '../lab/name-server.ts';
import { Upstream } from '../lab/upstream.ts';
import type { LookedUp } from './lookup.ts';
import { Place, type Guest } from './place.ts';

const gateway4 = '10.90.0.1';
const addressCount = 200;
const clients = 16;
/** All clients together keep to the number of questions that a sandbox may ask. */
const betweenQuestionsMs = (clients * 1_000) / 90;
const random = seededRandom(seed);

/** Half of them named one by one, half below a wildcard; each says another one of 20 addresses whenever it is asked. */
const names = Array.from({ length: 200 }, (_, index) =>
  index % 2 === 0 ? `n${index}.one.test` : `n${index}.wild.test`,
);
const turns: Record<string, ZoneRecord[]> = Object.fromEntries(
  names.map((name) => [
    name,
    Array.from({ length: 20 }, () => ({
      type: 'A',
      data: `192.0.2.${1 + Math.floor(random() * addressCount)}`,
      // Short ones mostly: until its time is over, the resolver tells the same address again.
      ttl: 1 + Math.floor(random() ** 3 * 60),
    })),
  ]),
);
const allowed = [...names.filter((name) => name.endsWith('.one.test')), '*.wild.test'];

let place: Place;
let guest: Guest;

beforeAll(async () => {
  place = await Place.open({
    name: 'rotating',
    prepare: async (lab) => {
      const upstream = await Upstream.open(lab);
      await upstream.behave({ turns });
      const { ipv4, inside } = await lab.neighbour('internet');
      await lab.inside.output(['ip', 'route', 'add', '192.0.2.0/24', 'via', ipv4]);
      await inside.output(['ip', 'route', 'add', 'local', '192.0.2.0/24', 'dev', 'lo']);
    },
  });
  await (await place.neighbour('internet')).order({ do: 'serve', port: 443 });
  guest = await place.guest('listed', `network = { mode = "allowlist", allowed_domains = ${JSON.stringify(allowed)} }`);
});
afterAll(() => place?.[Symbol.asyncDispose]());

/** What a client remembers of an answer, for as long as the answer says. */
interface Remembered {
  readonly address: string;
  readonly untilMs: number;
}

const remembered = new Map<string, Remembered>();

/** An address of the name: a fresh one, or now and then one that was told before and still holds. */
async function addressOf(name: string): Promise<string> {
  const before = remembered.get(name);
  if (before && before.untilMs > performance.now() && random() < 0.3) return before.address;
  await sleep(betweenQuestionsMs);
  const askedAt = performance.now();
  const answer = (await guest.order({ do: 'lookup', name, server: gateway4, timed: true })) as LookedUp;
  if (!Array.isArray(answer)) throw new Error(`${name}: ${String(answer)}`);
  const [address = '', seconds] = pick(answer as string[], random).split(' ');
  remembered.set(name, { address, untilMs: askedAt + Number(seconds) * 1_000 });
  return address;
}

it('connects by names that lead elsewhere each time are never refused', async () => {
  const total = sized(1_000, 10_000);
  const reached = new Set<string>();
  let left = total;
  let again = 0;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const host = await addressOf(pick(names, random));
      reached.add(host);
      if ((await guest.order({ do: 'connect', host, port: 443 })) === 'open') continue;
      // A busy machine is late now and then; a refusal is on record all the same.
      again += 1;
      await sleep(1_000);
      expect(await guest.order({ do: 'connect', host, port: 443 })).toBe('open');
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  console.log(`${total} connects to ${reached.size} addresses, ${again} of them late`);
  const { connections, names: refused } = await place.controller.api.denials({ name: 'listed' });
  expect({ connections, refused }).toEqual({ connections: [], refused: [] });
  expect(reached.size).toBeGreaterThan(addressCount / 3);
});

it('an address that no name told is refused, and on record', async () => {
  expect(await guest.order({ do: 'connect', host: '192.0.2.250', port: 443 })).toBe('shut');
  const { connections } = await place.controller.api.denials({ name: 'listed' });
  expect(connections).toEqual([expect.objectContaining({ address: '192.0.2.250', rule: 'not-listed' })]);
});
