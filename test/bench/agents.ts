import { chown, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { workspaceHash } from '../../src/spec/session-names.ts';
import { until } from '../lab/until.ts';
import { installedCoi } from './package.ts';
import type { Body } from './raw-incus.ts';
import { percentile, report } from './report.ts';
import { Stage } from './stage.ts';

const image = 'system';
const runs = 20;
/** How much longer than the bare calls a shell may take, in milliseconds. */
const mostMore = 400;

const rounds = 5;
const atOnce = 10;

/** An agent whose first act is to say when it began, on the clock that container and host share. */
const agent = ['sh', '-c', 'date +%s%N >/workspace/began; exec sleep 1000'];

/** A session in the background, from the command to its agent's first act, beside the bare calls. */
export async function shellReady(): Promise<void> {
  await using desk = await Desk.open();
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run += 1) {
    const [own, raw] = [await desk.shells(1), await desk.bare(1)];
    // The first of each finds cold caches.
    if (run === 0) continue;
    ours.push(own);
    bare.push(raw);
  }
  const [own, raw] = [percentile(ours, 50), percentile(bare, 50)];
  const details = { runs, ms: Math.round(own), rawMs: Math.round(raw), p95Ms: Math.round(percentile(ours, 95)) };
  report({ name: 'shell-ready', value: own - raw, unit: 'ms more', limit: mostMore, better: 'lower' }, details);
}

/** Ten sessions begun at once, until the last one's agent is there, beside ten bare ones at once. */
export async function parallel10(): Promise<void> {
  await using desk = await Desk.open();
  const [ours, bare]: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round += 1) {
    const [own, raw] = [await desk.shells(atOnce), await desk.bare(atOnce)];
    if (round === 0) continue;
    ours.push(own);
    bare.push(raw);
  }
  const [own, raw] = [percentile(ours, 50), percentile(bare, 50)];
  const details = { rounds, ms: Math.round(own), rawMs: Math.round(raw) };
  report({ name: 'parallel-10', value: own / raw, unit: 'ratio', limit: 1.3, better: 'lower' }, details);
}

/** A stage with directories to work in, and an agent for them. */
class Desk implements AsyncDisposable {
  readonly #stage: Stage;
  readonly #coi: string;
  /** What bare calls make is like this session. */
  readonly #like: readonly Body[];

  private constructor(stage: Stage, coi: string, like: readonly Body[]) {
    this.#stage = stage;
    this.#coi = coi;
    this.#like = like;
  }

  static async open(): Promise<Desk> {
    const settings = `[tool]\ncommand = ${JSON.stringify(agent)}\n`;
    const stage = await Stage.open({ images: ['busybox', image], settings });
    const desk = new Desk(stage, await installedCoi(), []);
    const like: Body[] = [];
    for (let index = 0; index < atOnce; index += 1) {
      const place = await desk.#place(index);
      await desk.#shell(place);
      const body = await stage.raw.bodyLike(`coi-${workspaceHash(place)}-1`, 40_000 + index, image);
      // What a session sees of the host goes with it: bare ones get the directory itself.
      const workspace = { type: 'disk', source: place, path: '/workspace', shift: 'true' };
      like.push({ ...body, devices: { ...(body['devices'] as object), workspace } });
    }
    await desk.#end();
    return new Desk(stage, desk.#coi, like);
  }

  /** Begins sessions at once. @returns milliseconds until the last one's agent began */
  async shells(count: number): Promise<number> {
    const places = await Promise.all(Array.from({ length: count }, (_, index) => this.#place(index)));
    const began = Date.now();
    await Promise.all(places.map((place) => this.#shell(place)));
    const ends = await Promise.all(places.map(agentBegan));
    await this.#end();
    return Math.max(...ends) - began;
  }

  /** The same with bare calls, while the controller stands still. */
  bare(count: number): Promise<number> {
    const { raw } = this.#stage;
    return this.#stage.alone(async () => {
      const places = await Promise.all(Array.from({ length: count }, (_, index) => this.#place(index)));
      const began = Date.now();
      const some = this.#like.slice(0, count);
      await Promise.all(
        some.map(async (body) => {
          await raw.create(body);
          const exec = {
            command: agent,
            interactive: false,
            'wait-for-websocket': false,
            user: 1000,
            cwd: '/workspace',
          };
          await raw.begin('POST', `/1.0/instances/${body.name}/exec`, exec);
        }),
      );
      const ends = await Promise.all(places.map(agentBegan));
      for (const { name } of some) await raw.destroy(name);
      return Math.max(...ends) - began;
    });
  }

  async #place(index: number): Promise<string> {
    const path = join(this.#stage.lab.dir, `workspace-${index}`);
    await mkdir(path, { recursive: true });
    // The agent writes there as the user 1000.
    await chown(path, 1000, 1000);
    await rm(join(path, 'began'), { force: true });
    return path;
  }

  async #shell(cwd: string): Promise<void> {
    await this.#run(['shell', '--background', '--image', image], cwd);
  }

  async #end(): Promise<void> {
    await this.#run(['kill', '--all', '--force', '--no-save'], '/');
    const isClear = async () => (await this.#stage.api.status()).sandboxes.length === 0;
    await until('the end of sessions', isClear, { timeoutMs: 60_000, everyMs: 100 });
  }

  async #run(args: readonly string[], cwd: string): Promise<void> {
    const { exitCode, stderr } = await this.#stage.lab.run([this.#coi, ...args], { env: this.#stage.env, cwd });
    if (exitCode !== 0) throw new Error(`coi ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stage[Symbol.asyncDispose]();
  }
}

/** When the agent in a workspace began, in milliseconds since 1970; waits for it. */
async function agentBegan(place: string): Promise<number> {
  const read = () => readFile(join(place, 'began'), 'utf8').catch(() => '');
  await until(`the agent in ${place}`, async () => /^\d+\n$/.test(await read()), { timeoutMs: 60_000, everyMs: 10 });
  return Number(await read()) / 1e6;
}
