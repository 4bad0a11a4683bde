import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openClient } from '../../src/cli/client.ts';
import type { ControlApi, StatusReport } from '../../src/controller/control-api.ts';
import type { SandboxReport } from '../../src/controller/report.ts';
import type { InsideOptions, RunResult } from './inside.ts';
import type { Lab } from './lab.ts';
import type { Running } from './running.ts';
import { labSettings, type LabSettings } from './settings.ts';
import { until, type UntilOptions } from './until.ts';
import { mainProgram } from '../program.ts';

/** What a controller in a lab is started with. */
export interface ControllerOptions extends LabSettings {
  /** Names of the directories it reads, made in the lab's own; `desired` unless given. */
  readonly sources?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** In place of `coi`: a program of a test that is the controller, too. */
  readonly program?: string;
  /** More words behind `coi controller`. */
  readonly args?: readonly string[];
}

/** Manifest text of one sandbox on the small image; `keys` are further lines of its table. */
export function manifest(name: string, ...keys: readonly string[]): string {
  const image = keys.some((key) => key.startsWith('image')) ? [] : ['image = "busybox"'];
  return ['apiVersion = "coi/v1"', `[sandbox.${name}]`, ...image, ...keys, ''].join('\n');
}

/** The real controller as a process of its own inside a lab, and the command line that talks to it. */
export class LabController implements AsyncDisposable {
  readonly lab: Lab;
  /** Environment that makes `coi` find this lab. */
  readonly env: Readonly<Record<string, string>>;
  readonly #argv: readonly string[];
  readonly #sources: readonly string[];
  /** Answers as the command line gets them, without starting a process for each question. */
  readonly api: ControlApi;
  #running: Running;

  constructor(lab: Lab, init: { argv: readonly string[]; sources: readonly string[]; env: LabController['env'] }) {
    this.lab = lab;
    this.env = init.env;
    this.#argv = init.argv;
    this.#sources = init.sources;
    this.api = openClient({ path: join(lab.runDir, 'coi.sock'), signal: new AbortController().signal });
    this.#running = this.#spawn();
  }

  #spawn(): Running {
    return this.lab.spawn(this.#argv, { env: this.env });
  }

  get pid(): number {
    return this.#running.pid;
  }

  get alive(): boolean {
    return this.#running.alive;
  }

  /** What the controller has printed since its last start. */
  get log(): string {
    return this.#running.output;
  }

  /** Runs the command line to its end inside of the lab. */
  coi(...args: string[]): Promise<RunResult> {
    return this.coiWith({}, ...args);
  }

  coiWith({ env, ...options }: InsideOptions, ...args: string[]): Promise<RunResult> {
    return this.lab.run([process.execPath, mainProgram, ...args], { ...options, env: { ...this.env, ...env } });
  }

  /** Directory of a source. */
  dir(source = this.#sources[0] ?? ''): string {
    return join(this.lab.dir, source);
  }

  /** Saves a file in a source as careful editors do: at once. */
  async write(file: string, text: string, source?: string): Promise<void> {
    const path = join(this.dir(source), file);
    await writeFile(`${path}~`, text);
    await rename(`${path}~`, path);
  }

  /** Declares one sandbox in a file of its name. */
  declare(name: string, ...keys: readonly string[]): Promise<void> {
    return this.write(`${name}.toml`, manifest(name, ...keys));
  }

  async remove(file: string, source?: string): Promise<void> {
    await rm(join(this.dir(source), file));
  }

  status(): Promise<StatusReport> {
    return this.api.status();
  }

  async sandbox(name: string): Promise<SandboxReport | undefined> {
    return (await this.status()).sandboxes.find((each) => each.name === name);
  }

  /** Waits until a sandbox is as described. The failure tells what it was instead, with the end of the log. */
  async when(name: string, is: (report: SandboxReport) => boolean, options: UntilOptions = {}): Promise<SandboxReport> {
    let last: SandboxReport | undefined;
    const look = async () => {
      last = await this.sandbox(name);
      return last !== undefined && is(last) ? last : undefined;
    };
    try {
      return await until(`sandbox ${name}`, look, { timeoutMs: 30_000, everyMs: 50, ...options });
    } catch (error) {
      throw new Error(`${name} is ${JSON.stringify(last, null, 1)}\n${this.#lastWords()}`, { cause: error });
    }
  }

  /** Waits until a sandbox is as declared, and in a state where one is given. */
  ready(name: string, state?: string): Promise<SandboxReport> {
    return this.when(name, (each) => each.ready && (state === undefined || each.state === state));
  }

  /** Waits until a condition is so: `Stalled(ImmutableChange)`, `Pruning=False(Guarded)`, `Suspended`. */
  condition(name: string, wanted: string, options?: UntilOptions): Promise<SandboxReport> {
    const [, type, status = 'True', reason] = /^(\w+)(?:=(\w+))?(?:\((\w+)\))?$/.exec(wanted) ?? [];
    const fits = (each: SandboxReport['conditions'][number]) =>
      each.type === type && each.status === status && (reason === undefined || each.reason === reason);
    return this.when(name, ({ conditions }) => conditions.some(fits), options);
  }

  /** Waits until nobody speaks of a sandbox any more and Incus has no instance of it. */
  async gone(name: string): Promise<void> {
    const isGone = async () => (await this.sandbox(name)) === undefined && !(await this.instances()).has(`coi-${name}`);
    await until(`${name} to be gone`, isGone, { timeoutMs: 40_000, everyMs: 100 }).catch((error: unknown) => {
      throw new Error(this.#lastWords(), { cause: error });
    });
  }

  /** Status of every instance in Incus, by name. */
  async instances(): Promise<Map<string, string>> {
    const list = JSON.parse(await this.lab.incus('query', '/1.0/instances?recursion=1')) as Instance[];
    return new Map(list.map(({ name, status }) => [name, status]));
  }

  /** One instance as Incus has it. */
  async instance(name: string): Promise<Instance> {
    return JSON.parse(await this.lab.incus('query', `/1.0/instances/${name}`)) as Instance;
  }

  /** Lines of /metrics that are samples. */
  async metrics(): Promise<string[]> {
    const text = await this.lab.inside.output(['curl', '-sS', '--max-time', '5', 'http://127.0.0.1:9477/metrics']);
    return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  }

  /** Waits until the controller answers and has looked at everything. */
  async answers(): Promise<void> {
    const isUp = async () => {
      if (!this.alive) throw new Error(`The controller ended:\n${this.log}`);
      const { host, sources } = await this.status();
      return host.network === 'ready' && sources.length > this.#sources.length && sources.every(isRead);
    };
    await until('the controller to answer', isUp, { timeoutMs: 60_000, everyMs: 20 });
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.#running.stop(signal);
  }

  /** Starts the stopped controller again and waits until it answers. */
  async start(): Promise<void> {
    this.#running = this.#spawn();
    await this.answers();
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  #lastWords(): string {
    return this.log.slice(-6_000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** An instance as Incus' REST API has it. */
export interface Instance {
  readonly name: string;
  readonly status: string;
  readonly created_at: string;
  readonly config: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

function isRead({ state }: StatusReport['sources'][number]): boolean {
  return state !== 'failed';
}

/** Environment and settings of a `coi` that belongs to a lab. */
export async function labEnvironment(
  lab: Lab,
  { env = {}, ...settings }: Pick<ControllerOptions, 'settings' | 'monitoring' | 'env'> = {},
): Promise<Record<string, string>> {
  const etc = join(lab.dir, 'etc');
  await mkdir(etc, { recursive: true });
  await writeFile(join(etc, 'config.toml'), labSettings(settings));
  const { runDir, stateDir, incusDir } = lab;
  return { COI_ETC: etc, COI_RUN_DIR: runDir, COI_STATE_DIR: stateDir, INCUS_DIR: incusDir, ...env };
}

/** The argument vector of a controller in a lab, its directories made. */
export async function controllerArgv(
  lab: Lab,
  {
    sources = ['desired'],
    args = [],
    program = mainProgram,
  }: Pick<ControllerOptions, 'sources' | 'args' | 'program'> = {},
): Promise<string[]> {
  const paths = sources.map((source) => join(lab.dir, source));
  await Promise.all(paths.map((path) => mkdir(path, { recursive: true })));
  return [process.execPath, program, 'controller', ...paths.flatMap((path) => ['--source', path]), ...args];
}

/**
 * Starts the controller in a lab and waits until it answers.
 *
 * @throws when it ends instead; the message holds what it printed
 */
export async function startController(lab: Lab, options: ControllerOptions = {}): Promise<LabController> {
  const env = await labEnvironment(lab, options);
  const { sources = ['desired'] } = options;
  const controller = new LabController(lab, { argv: await controllerArgv(lab, options), sources, env });
  try {
    await controller.answers();
    return controller;
  } catch (error) {
    await controller.stop();
    throw error;
  }
}
