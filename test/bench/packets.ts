import { PacketWorld, type Rules } from './packet-world.ts';
import { progress, quantiles, report } from './report.ts';
import { loads, type Burst, type Load } from './traffic.ts';

const rounds = 15;
const burstMs = 500;
const many = 1_000;

/** Everything is measured under each of these in turn. */
const sides = {
  plain: 'plain',
  'restricted 1': { mode: 'restricted', sandboxes: 1 },
  'restricted 1000': { mode: 'restricted', sandboxes: many },
  'allowlist 1': { mode: 'allowlist', sandboxes: 1 },
  'allowlist 1000': { mode: 'allowlist', sandboxes: many },
} as const satisfies Record<string, Rules>;
type Side = keyof typeof sides;
const modes = ['restricted', 'allowlist'] as const;

type Round = Readonly<Record<Side, Readonly<Record<Load, Burst>>>>;
let measured: Promise<readonly Round[]> | undefined;

/** What a packet costs with 1,000 sandboxes in the tables, beside one. */
export async function packetScale(): Promise<void> {
  await compare('packet-scale', { tcp: 0.95, udp: 0.95 }, (mode) => [`${mode} 1000`, `${mode} 1`]);
}

/** What a packet costs with 1,000 sandboxes in the tables, beside a bridge that translates addresses and does nothing else. */
export async function packetCost(): Promise<void> {
  await compare('packet-cost', { tcp: 0.9, udp: 0.75 }, (mode) => [`${mode} 1000`, 'plain']);
}

/** Reports ratios of the two sides that `pair` names: of each mode's medians the worse, and both in detail. */
async function compare(
  name: string,
  limits: Readonly<Record<'tcp' | 'udp', number>>,
  pair: (mode: (typeof modes)[number]) => readonly [Side, Side],
): Promise<void> {
  measured ??= measure();
  const all = await measured;
  const ratios = (load: Load, by: keyof Burst) =>
    Object.fromEntries(
      modes.map((mode) => {
        const [a, b] = pair(mode);
        return [mode, quantiles(all.map((round) => round[a][load][by] / round[b][load][by]))];
      }),
    );
  for (const load of ['tcp', 'udp'] as const) {
    // One flow over TCP uses both processors, the sender of datagrams no more than its own.
    const by = load === 'tcp' ? 'perSecond' : 'perCpuSecond';
    const value = Math.min(...Object.values(ratios(load, by)).map(({ median }) => median));
    const details = { pairs: all.length, by, ...ratios(load, by) };
    const more =
      load === 'tcp'
        ? { perCpuSecond: ratios(load, 'perCpuSecond') }
        : { perSecond: ratios(load, 'perSecond'), newFlowsPerCpuSecond: ratios('flows', 'perCpuSecond') };
    report(
      { name: `${name}.${load}`, value, unit: 'ratio', limit: limits[load], better: 'higher' },
      { ...details, ...more },
    );
  }
}

async function measure(): Promise<readonly Round[]> {
  await using world = await PacketWorld.open();
  const names = Object.keys(sides) as Side[];
  const all: Round[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    const results: Partial<Record<Side, Record<Load, Burst>>> = {};
    // There and back again, so that nobody always comes after the same one.
    for (const side of round % 2 === 0 ? names : names.toReversed()) {
      await world.load(sides[side]);
      results[side] = await measureSide(world);
    }
    // The first one finds cold caches.
    if (round > 0) all.push(results as Round);
  }
  return all;
}

async function measureSide(world: PacketWorld): Promise<Record<Load, Burst>> {
  const results: Partial<Record<Load, Burst>> = {};
  for (const load of loads) {
    results[load] = await world.send(load, burstMs);
    await world.forget();
  }
  return results as Record<Load, Burst>;
}
