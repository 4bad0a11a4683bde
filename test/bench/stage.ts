import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ImageName } from '../lab/image-cache.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import type { Running } from '../lab/running.ts';
import { until } from '../lab/until.ts';
import { openClient } from '../../src/cli/client.ts';
import type { ControlApi } from '../../src/controller/control-api.ts';
import type { SandboxReport } from '../../src/controller/report.ts';
import { installedCoi } from './package.ts';
import { RawIncus } from './raw-incus.ts';

/** How a stage is set up. */
export interface StageOptions {
  /** How many sandboxes the controller works on at once; its own default unless given. */
  readonly workers?: number;
  /** Settings of the host besides the storage pool. */
  readonly settings?: string;
  readonly images?: readonly ImageName[];
}

/** A lab with a controller that watches an empty directory, and bare Incus beside it. */
export class Stage implements AsyncDisposable {
  readonly lab: Lab;
  readonly raw: RawIncus;
  readonly api: ControlApi;
  /** For programs that talk to this controller. */
  readonly env: Readonly<Record<string, string>>;
  readonly #source: string;
  readonly #controller: Running;

  private constructor(init: Pick<Stage, 'lab' | 'raw' | 'env'>, source: string, controller: Running) {
    this.lab = init.lab;
    this.raw = init.raw;
    this.env = init.env;
    this.#source = source;
    this.#controller = controller;
    this.api = openClient({ path: join(init.lab.runDir, 'coi.sock'), signal: new AbortController().signal });
  }

  static async open({ workers, settings = '', images = ['busybox'] }: StageOptions = {}): Promise<Stage> {
    const coi = await installedCoi();
    const lab = await openLab({ images, name: 'bench' });
    const [source, etc] = [join(lab.dir, 'desired'), join(lab.dir, 'etc')];
    await Promise.all([mkdir(source), mkdir(etc)]);
    await writeFile(join(etc, 'config.toml'), `[incus]\nstorage_pool = "default"\n${settings}`);
    const env = { COI_ETC: etc, COI_RUN_DIR: lab.runDir, COI_STATE_DIR: lab.stateDir, INCUS_DIR: lab.incusDir };
    const how = workers === undefined ? [] : ['--workers', String(workers)];
    const argv = [coi, 'controller', '--source', source, ...how];
    const controller = lab.spawn(argv, { env: { ...env, ...profiling() } });
    const stage = new Stage({ lab, raw: await RawIncus.open(lab.socket), env }, source, controller);
    await until('the controller', async () => (await stage.api.status()).host.network === 'ready', { everyMs: 100 });
    return stage;
  }

  /** The controller's process id. */
  get pid(): number {
    return this.#controller.pid;
  }

  /** What the controller has said. */
  get log(): string {
    return this.#controller.output;
  }

  /** Saves a manifest as editors do. @returns when it was there, as `performance.now()` tells it */
  async drop(name: string, keys = ''): Promise<number> {
    const file = join(this.#source, `${name}.toml`);
    await writeFile(`${file}.tmp`, manifest(name, keys));
    await rename(`${file}.tmp`, file);
    return performance.now();
  }

  /** Writes manifests aside and moves all of them in at once. @returns when the first one moved */
  async dropAll(names: readonly string[], keysOf: (index: number) => string = () => ''): Promise<number> {
    const aside = join(this.lab.dir, 'aside');
    await mkdir(aside, { recursive: true });
    await Promise.all(
      names.map((name, index) => writeFile(join(aside, `${name}.toml`), manifest(name, keysOf(index)))),
    );
    const began = performance.now();
    await Promise.all(names.map((name) => rename(join(aside, `${name}.toml`), join(this.#source, `${name}.toml`))));
    return began;
  }

  /** Waits until every sandbox named is as declared and nothing is left to do. Asking for many costs the controller, too. */
  async settled(names: readonly string[], { timeoutMs = 60_000, everyMs = 50 } = {}): Promise<void> {
    const wanted = new Set(names);
    const isDone = ({ name, ready }: SandboxReport) => wanted.has(name) && ready;
    const look = async () => (await this.api.status()).sandboxes.filter(isDone).length === wanted.size;
    await until(`${wanted.size} settled sandboxes`, look, { timeoutMs, everyMs });
  }

  /** Has sandboxes deleted by their manifests, and takes those away. */
  async clear(names: readonly string[]): Promise<void> {
    await this.dropAll(names, () => 'state = "absent"');
    const left = async () =>
      (await this.api.status()).sandboxes.filter(({ name, state }) => names.includes(name) && state !== 'absent');
    await until('the end of sandboxes', async () => (await left()).length === 0, { timeoutMs: 180_000, everyMs: 50 });
    await Promise.all(names.map((name) => rm(join(this.#source, `${name}.toml`))));
  }

  /** Does something while the controller stands still: bare calls are not to pay for its looking at what they make. */
  async alone<T>(work: () => Promise<T>): Promise<T> {
    process.kill(this.pid, 'SIGSTOP');
    try {
      return await work();
    } finally {
      process.kill(this.pid, 'SIGCONT');
      // What it missed is behind it when it answers a second time.
      await this.api.status();
      await sleep(600);
      await this.api.reconcile();
    }
  }

  /** Requests that the controller has sent to Incus since its start, by method. */
  async requests(): Promise<Map<string, number>> {
    const read = "fetch('http://127.0.0.1:9477/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))";
    const { stdout } = await this.lab.run([process.execPath, '-e', read]);
    const counts = new Map<string, number>();
    for (const [, labels = '', value] of stdout.matchAll(/^coi_incus_requests_total\{(.*)\} (\d+)$/gm)) {
      const method = /method="(\w+)"/.exec(labels)?.[1] ?? '';
      counts.set(method, (counts.get(method) ?? 0) + Number(value));
    }
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.raw[Symbol.asyncDispose]();
    await this.#controller.stop('SIGTERM');
    await this.lab[Symbol.asyncDispose]();
  }
}

function manifest(name: string, keys: string): string {
  const image = /^image\b/m.test(keys) ? '' : 'image = "busybox"\n';
  return `apiVersion = "coi/v1"\n[sandbox.${name}]\n${image}${keys}\n`;
}

/** `COI_BENCH_PROFILE=DIR` has the controller write a profile of its processor time there when it ends. */
function profiling(): Record<string, string> {
  const dir = process.env['COI_BENCH_PROFILE'];
  return dir ? { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${resolve(dir)}` } : {};
}
