import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Running } from '../lab/running.ts';
import { until } from '../lab/until.ts';
import { percentile, quantiles, report } from './report.ts';
import { Stage } from './stage.ts';

const runs = 120;
const port = 9_443;
const program = fileURLToPath(new URL('heartbeat.pl', import.meta.url));
/** Longest that two beats are apart while they are let through, in milliseconds, on a busy machine. */
const quietMs = 250;

const wide = (host: string) => [
  'network.mode = "open"',
  `network = { mode = "allowlist", allowed_domains = ["${host}:${port}/udp"] }`,
  'network.mode = "restricted"',
];
const narrow = ['network.mode = "none"', 'network = { mode = "allowlist", allowed_domains = ["198.51.100.99"] }'];

/** From a manifest that is saved to the last datagram of old and of new flows that it no longer allows. */
export async function policyLive(): Promise<void> {
  await using stage = await Stage.open();
  const internet = await stage.lab.neighbour('internet');
  const host = internet.ipv4;
  const hear = internet.spawn(['perl', program, 'hear', String(port)]);
  await hear.printed(/^ready$/m);
  await stage.drop('live', wide(host)[0]);
  await stage.settled(['live']);
  const pid = JSON.parse(await stage.lab.incus('query', '/1.0/instances/coi-live/state')).pid as number;
  const beat = stage.lab.spawn(['nsenter', `--net=/proc/${pid}/ns/net`, 'perl', program, 'beat', host, String(port)]);
  const ear = new Ear(hear);
  await until('the first beat', async () => (await ear.listen()).resumed > 0);
  const [cut, opened]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    const tightened = await stage.drop('live', narrow[run % narrow.length]);
    const silence = await until('the last beat', () => ear.silence());
    const loosened = await stage.drop('live', wide(host)[run % 3]);
    const again = await until('beats again', () => ear.since(loosened));
    await stage.settled(['live']);
    await sleep(100 + 100 * Math.random());
    // The first of each finds cold caches.
    if (run === 0) continue;
    cut.push(silence - tightened);
    opened.push(again - loosened);
  }
  await Promise.all([beat.stop('SIGKILL'), hear.stop('SIGKILL')]);
  report(
    { name: 'policy-live', value: percentile(cut, 99), unit: 'ms', limit: 200, better: 'lower' },
    { runs, ...quantiles(cut), opened: { p99: Math.round(percentile(opened, 99)), ...quantiles(opened) } },
  );
}

/** What the neighbour hears, in milliseconds as `performance.now()` tells them. */
class Ear {
  readonly #hear: Running;
  #asked = 0;

  constructor(hear: Running) {
    this.#hear = hear;
  }

  /** `last`: of any flow; `resumed`: the moment from which both kinds came again. */
  async listen(): Promise<{ last: number; resumed: number }> {
    this.#asked += 1;
    this.#hear.write(`${this.#asked}\n`);
    const [, times = ''] = await this.#hear.printed(new RegExp(`^heard ${this.#asked} (.*)$`, 'm'));
    const origin = Number(process.hrtime.bigint()) / 1e6 - performance.now();
    const [old = 0, fresh = 0, oldAgain = 0, freshAgain = 0] = times
      .split(' ')
      .map((text) => Number(text) * 1_000 - origin);
    return { last: Math.max(old, fresh), resumed: Math.max(oldAgain, freshAgain) };
  }

  /** When the last beat was, once it has been quiet for long enough. */
  async silence(): Promise<number | undefined> {
    const { last } = await this.listen();
    return performance.now() - last > quietMs ? last : undefined;
  }

  async since(moment: number): Promise<number | undefined> {
    const { resumed } = await this.listen();
    return resumed > moment ? resumed : undefined;
  }
}
