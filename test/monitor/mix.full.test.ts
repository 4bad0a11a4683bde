import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, Response } from '../../src/monitor/detection.ts';
import { seed, seededRandom } from '../helpers/random.ts';
import { startController, type LabController } from '../lab/controller.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { detectionsOf, samplesOf, tableOf, untilWatched, type Detection } from './detections.ts';
import { attacksWith, holds, responsesByRule, type Attack } from './mix/attacks.ts';
import { Resident, type Tried } from './mix/resident.ts';
import { growthOf, Watcher } from './mix/watcher.ts';

/** Half of each kind is attacked from. */
const [small, large] = [12, 8];
const seconds = Number(process.env['COI_MIX_SECONDS'] ?? 1_800);
/** The first minute of a controller is not flat; half an hour has to be. */
const mostGrowthMiB = seconds < 600 ? 40 : 25;

const outcomeOf: Readonly<Record<Response, Outcome>> = {
  log: 'logged',
  alert: 'alerted',
  network: 'isolated',
  freeze: 'paused',
  kill: 'killed',
};

/** What ends or holds what runs. */
const stopping = new Set<string>([outcomeOf.freeze, outcomeOf.kill]);

let stack: AsyncDisposableStack;
let lab: Lab;
let controller: LabController;
let watcher: Watcher;
const residents: Resident[] = [];
const detections = new Map<string, readonly Detection[]>();

/** The same things in another order. */
function shuffled<T>(values: readonly T[], random: () => number): T[] {
  return values
    .map((value) => [random(), value] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);
}

async function programsIn(name: string): Promise<Set<string>> {
  const list = await lab.incus('exec', `coi-${name}`, '--', 'sh', '-c', 'ls /bin /sbin /usr/bin /usr/sbin');
  return new Set(list.split('\n'));
}

const nameOf = (image: string, number: number) => `${image}${number}`;

beforeAll(
  async () => {
    stack = new AsyncDisposableStack();
    lab = stack.use(await openLab({ name: 'mix', images: ['busybox', 'system'] }));
    const internet = await lab.neighbour('internet');
    await internet.serve({ proto: 'tcp', port: 80 });
    controller = stack.use(await startController(lab, { monitoring: true }));
    const names = [
      ...Array.from({ length: small }, (_, number) => ['busybox', number] as const),
      ...Array.from({ length: large }, (_, number) => ['system', number] as const),
    ];
    for (const [image, number] of names) await controller.declare(nameOf(image, number), `image = "${image}"`);
    for (const [image, number] of names) await controller.ready(nameOf(image, number), 'running');
    await untilWatched(controller, nameOf('busybox', 0));
    watcher = stack.use(new Watcher(controller));
    const signal = AbortSignal.timeout(seconds * 1_000);
    const lives: Promise<void>[] = [];
    for (const image of ['busybox', 'system']) {
      const attacks = await attacksWith(await programsIn(nameOf(image, 0)));
      for (const [, number] of names.filter(([each]) => each === image)) {
        const random = seededRandom(seed + lives.length);
        const resident = new Resident({ name: nameOf(image, number), controller, watcher, random });
        residents.push(resident);
        const own: readonly Attack[] = number % 2 === 0 ? shuffled(attacks, random) : [];
        lives.push(resident.live(own, signal));
      }
    }
    await Promise.all(lives);
    // The last detections may be on their way.
    await sleep(3_000);
    for (const { name } of residents) detections.set(name, await detectionsOf(controller, name));
  },
  (seconds + 300) * 1_000,
);
afterAll(() => stack?.disposeAsync());

const tried = () => residents.flatMap((each) => each.tried);

/** All that was tried in a sandbox and what was detected, in order. */
function storyOf(name: string): string {
  const attacks = tried()
    .filter(({ sandbox }) => sandbox === name)
    .flatMap(({ attack, from, to, how }) => [
      [new Date(from).toISOString(), `tries ${attack.rule}: ${attack.argv.join(' ')}`],
      [new Date(to).toISOString(), `it is over: ${how}`],
    ]);
  const seen = detections.get(name)!.map(({ timestamp, rule, action }) => [timestamp, `${rule}: ${action}`]);
  const lines = [...attacks, ...seen].toSorted(([a], [b]) => a!.localeCompare(b!));
  return [name, ...lines.map((line) => line.join(' '))].join('\n  ');
}

/**
 * Whether its rule saw it, or another one stopped it before it had come so far. What the rule had just seen in the same place
 * counts as the same thing.
 */
function isSeen({ sandbox, attack, from, to }: Tried): boolean {
  const isIt = ({ rule, timestamp, action }: Detection) => {
    const at = Date.parse(timestamp);
    if (at > to + 3_000) return false;
    return rule === attack.rule ? at >= from - 35_000 : stopping.has(action) && at >= from;
  };
  return detections.get(sandbox)!.some(isIt);
}

function isFitting({ rule, action }: Detection, responses: ReadonlyMap<string, Response>): boolean {
  const response = responses.get(rule);
  // The log tells of itself as well.
  if (response === undefined) return action === 'logged';
  const fitting: readonly string[] = [outcomeOf[response], 'deduplicated', 'logged (already paused)'];
  return fitting.includes(action) || (response === 'kill' && action === 'paused');
}

describe(`${small + large} sandboxes, attacks and ordinary work, for ${seconds} s`, () => {
  it('has every attack detected', async () => {
    const missed = tried().filter((each) => !isSeen(each));
    const rules = new Set(tried().map(({ attack }) => attack.rule));
    console.log(
      `${tried().length} attacks, ${rules.size} rules, seed ${seed}\n${tableOf([...detections.values()].flat())}`,
    );
    console.log([...(await samplesOf(controller, 'coi_monitor_dropped_total'))].join('\n'));
    for (const { sandbox } of missed) console.log(storyOf(sandbox));
    expect(missed.map(({ sandbox, attack, from, how }) => [sandbox, attack.rule, new Date(from), how])).toEqual([]);
    expect(tried().length).toBeGreaterThan(seconds / 4);
  });

  it('has every attack answered by what its rule says, and nothing else', async () => {
    const responses = await responsesByRule();
    const unheld = tried().filter(({ attack, wasHeld }) => holds(attack.response) && !wasHeld);
    expect(unheld.map(({ sandbox, attack }) => `${sandbox} ${attack.rule}`)).toEqual([]);
    expect([...detections.values()].flat().filter((each) => !isFitting(each, responses))).toEqual([]);
    for (const { name } of residents.filter((each) => each.failures.length > 0)) console.log(storyOf(name));
    expect(residents.flatMap(({ failures }) => failures)).toEqual([]);
  });

  it('leaves alone who only works', () => {
    expect(watcher.wronglyHeld).toEqual([]);
    const peaceful = residents.filter((each) => each.tried.length === 0).flatMap(({ name }) => detections.get(name)!);
    expect(peaceful.filter(({ level }) => level === 'high' || level === 'critical')).toEqual([]);
  });

  it('leaves none standing still that nobody holds', async () => {
    const still: string[] = [];
    for (const { name } of residents) {
      const { exitCode } = await lab.run(['incus', 'exec', `coi-${name}`, '--', 'true'], { timeoutMs: 20_000 });
      if (exitCode !== 0 && watcher.heldBecause(name) === undefined) still.push(storyOf(name));
    }
    expect(still).toEqual([]);
  });

  it('takes no more memory for it in the end', () => {
    const { memory } = watcher;
    console.log(
      `controller: ${memory
        .map(Math.round)
        .filter((_, look) => look % 10 === 0)
        .join(' ')} MiB`,
    );
    expect(growthOf(memory)).toBeLessThan(mostGrowthMiB);
  });
});
