import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { systemClock } from '../../src/base/clock.ts';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';
import type { ControlApi } from '../../src/controller/control-api.ts';
import { serveAdmin } from '../../src/server/admin.ts';
import { denials, monitorReport, now, plans, policy, refusal, status } from './reports.ts';

/** A controller's socket with fixed answers behind it, and what it was asked. */
export interface Peer extends AsyncDisposable {
  readonly env: { readonly COI_RUN_DIR: string; readonly COI_ETC: string; readonly HOME: string };
  readonly directory: string;
  readonly asked: (readonly [method: string, options: unknown])[];
  /** What the server took for a defect. */
  readonly bugs: readonly unknown[];
}

/** Serve fixed answers; `answers` replaces some of them. */
export async function openPeer(answers: Partial<ControlApi> = {}): Promise<Peer> {
  const directory = await mkdtemp(join(tmpdir(), 'coi-cli-'));
  const asked: Peer['asked'][number][] = [];
  const done = (message: string) => async (options: { readonly names: readonly string[] }) =>
    options.names.map((name) => ({ name, done: true, message }));
  const usual: ControlApi = {
    status: async () => status,
    plan: async ({ names }) => plans.filter(({ name }) => names === undefined || names.includes(name)),
    store: async () => ({ names: ['web'], problems: [] }),
    reconcile: async () => undefined,
    delete: done('is being deleted'),
    freeze: done('frozen'),
    resume: done('resumed'),
    suspend: done('suspended'),
    unsuspend: done('goes on'),
    confirmDeletes: async () => [],
    adopt: async ({ name }) => ({ name, done: true, message: 'adopted' }),
    openSession: async ({ prefix, hash, slot = 1 }) => {
      const names = { name: `${hash}-${slot}`, instance: `${prefix}${hash}-${slot}` };
      return { ...names, slot, file: '/desired.toml', isReused: false };
    },
    endSession: async () => undefined,
    shutDown: done('is shut down'),
    persist: done('stays'),
    launch: async ({ instance }) => ({ name: instance, instance, file: '/desired.toml' }),
    setPower: async ({ name }) => ({ name, done: true, message: 'is being changed' }),
    addMount: async ({ name }) => ({ name, done: true, message: 'is mounted' }),
    createSnapshot: async () => undefined,
    restoreSnapshot: async () => undefined,
    deleteSnapshot: async () => undefined,
    fork: async ({ name, copies }) => ({
      original: `coi-${name}`,
      sandbox: name,
      driver: 'btrfs',
      pauses: false,
      whole: false,
      copies: copies.map((copy) => ({ name: copy.name, instance: `coi-${copy.name}`, state: 'running' })),
    }),
    awaitSandbox: async () => ({ outcome: 'reached' }),
    denials: async () => denials,
    policy: async () => policy,
    policyTest: async () => refusal,
    orphans: async () => ({ orphans: [], problems: [] }),
    removeOrphans: async ({ ids }) => ({ removed: ids, left: [], problems: [] }),
    monitor: async () => monitorReport,
    async *detections() {},
    async *events() {},
  };
  const api = Object.fromEntries(
    Object.entries({ ...usual, ...answers }).map(([method, answer]) => [
      method,
      (options: object = {}) => {
        const { signal: _signal, ...rest } = options as { readonly signal?: AbortSignal };
        asked.push([method, rest]);
        return (answer as (options: unknown) => unknown)(options);
      },
    ]),
  ) as unknown as ControlApi;
  const bugs: unknown[] = [];
  const onBug = (error: unknown) => void bugs.push(error);
  const server = await serveAdmin({ api, path: join(directory, 'coi.sock'), gid: undefined, onBug });
  return {
    env: { COI_RUN_DIR: directory, COI_ETC: directory, HOME: directory },
    directory,
    asked,
    bugs,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** How a command is called. */
export interface Setting {
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Standard output and error are a terminal of this width. */
  readonly terminal?: number;
  readonly signal?: AbortSignal;
  /** What is typed; nothing unless said. */
  readonly stdin?: string;
}

/** Run a command in this process. */
export async function coi(argv: readonly string[], setting: Setting = {}) {
  const text = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write: (part: string) => (text[name] += part),
    pass: async (bytes: Uint8Array) => void (text[name] += Buffer.from(bytes).toString('utf8')),
    isTTY: setting.terminal !== undefined,
    columns: setting.terminal ?? 80,
  });
  const io: Io = {
    terminal: undefined,
    stdin: Readable.from(setting.stdin === undefined ? [] : [Buffer.from(setting.stdin)]),
    stdout: output('stdout'),
    stderr: output('stderr'),
    env: setting.env ?? {},
    cwd: setting.cwd ?? '/',
    signal: setting.signal ?? new AbortController().signal,
    // Waits are a twentieth as long.
    clock: { ...systemClock, now: () => now, sleep: (ms, signal) => systemClock.sleep(ms / 20, signal) },
    warned: new Set(),
  };
  const code = await run(argv, io);
  return { code, ...text };
}
