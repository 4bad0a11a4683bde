import { afterAll, beforeAll, expect, it } from 'vitest';
import { Upstream } from '../lab/upstream.ts';
import { until } from '../lab/until.ts';
import { Place, type Guest } from './place.ts';

const public4 = '203.0.113.10';
const public6 = '2001:db8:113::10';

let place: Place;
let guest: Guest;

beforeAll(async () => {
  place = await Place.open({
    name: 'namesin',
    images: ['system'],
    prepare: async (lab) => {
      const upstream = await Upstream.open(lab);
      await upstream.zone({
        'api.example.test': [
          { type: 'A', data: public4 },
          { type: 'AAAA', data: public6 },
        ],
        'secret.example.org': [{ type: 'A', data: public4 }],
      });
    },
  });
  guest = await place.guest(
    'inside',
    'image = "system"',
    'network = { mode = "allowlist", allowed_domains = ["api.example.test"] }',
  );
});
afterAll(() => place?.[Symbol.asyncDispose]());

it('programs of a real distribution find the names that they may, and are told at once of those that they may not', async () => {
  const found = await until('the resolver inside to answer', async () => {
    const { stdout, exitCode } = await place.inside(guest, 'getent', 'ahosts', 'api.example.test');
    return exitCode === 0 ? stdout : undefined;
  });
  expect(found).toContain(public4);
  expect(found).toContain(public6);
  const script =
    's=$(date +%s%N); getent ahosts "$0"; echo "code $? after $(( ($(date +%s%N) - s) / 1000000 )) ms"; cat /etc/resolv.conf';
  const refused = await place.inside(guest, 'sh', '-c', script, 'secret.example.org');
  console.log(refused.stdout);
  expect(refused.stdout).toMatch(/^code 2 /);
});
