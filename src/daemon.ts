import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pause, systemClock as clock } from './base/clock.ts';
import { Problem } from './base/problem.ts';
import type { Io } from './cli/io.ts';
import type { ControlApi } from './controller/control-api.ts';
import { isAsDeclared } from './controller/image-record.ts';
import { lookOnce } from './controller/look-once.ts';
import { phaseOf } from './controller/report.ts';
import { uninstall } from './controller/uninstall.ts';
import { openEngine, type Engine, type EngineInit } from './engine.ts';
import { groupId } from './host/process/group-id.ts';
import { openNotify, watchdogMs } from './host/process/systemd-notify.ts';
import { keepImages } from './image/keep-images.ts';
import { imageUsers } from './image/users.ts';
import { logLevelFrom, openLog, type Log, type LogLevel } from './log/open-log.ts';
import { serveAdmin } from './server/admin.ts';
import { serveTelemetry, type Verdict } from './server/telemetry.ts';
import type { Settings } from './spec/settings.ts';
import { acquireLock, type ControllerLock } from './state/controller-lock.ts';

/** A key that is looked after for longer than this, in milliseconds, or no complete look for as long: the loop is stuck. */
const stuckMs = 16 * 60_000;
const staleMs = 3 * 60_000;

/** How often to see whether the lock is still this controller's, in milliseconds. */
const lockCheckMs = 2_000;

/** Between tries to reach Incus at the start, in milliseconds. */
const retryMs = 2_000;

/** What a controller in the foreground is started with. */
export interface DaemonInit {
  readonly settings: Settings;
  readonly io: Io;
  readonly logLevel?: LogLevel | undefined;
  readonly watching?: EngineInit['watching'];
}

/**
 * Be the host's controller until the signal aborts. On the way out nothing is undone: rules and sandboxes stay.
 *
 * @returns the exit code
 * @throws {Problem} when another controller runs, or this host cannot run one
 */
export async function runDaemon({ settings, io, logLevel, watching = {} }: DaemonInit): Promise<number> {
  requireRoot('run the controller');
  await using stack = new AsyncDisposableStack();
  const log = openLog({ level: logLevelFrom(io.env, logLevel), stream: process.stderr });
  const { runDir, metricsListen } = settings.controller;
  const lock = stack.use(await lockHost(settings));
  const ousted = new AbortController();
  const signal = AbortSignal.any([io.signal, ousted.signal]);
  const notify = openNotify(io.env);
  const engine = stack.use(await openWhenReady({ settings, io: { ...io, signal }, watching }, log));
  followAll(engine, { lock, settings });
  stack.use(
    await serveAdmin({
      api: engine.control,
      path: join(runDir, 'coi.sock'),
      gid: await groupId(settings.incus.group),
      onBug: (error) => log.error({ err: error }, 'A defect of coi'),
    }),
  );
  if (metricsListen) {
    const telemetry = await serveTelemetry({
      ...metricsListen,
      metrics: engine.metrics,
      health: () => health(engine),
      readiness: () => readiness(engine),
      onError: (error) => log.error({ err: error }, 'A defect of coi'),
    });
    stack.use(telemetry);
    log.info({ url: `${telemetry.url}/metrics` }, 'Metrics are served');
  }
  const running = engine.run();
  const notifying = keepNotifying(engine, { notify, env: io.env, signal });
  const guarding = guardLock(lock, ousted, signal);
  const keeping = keepVersions(engine, settings, { log, signal });
  log.info({ sources: settings.controller.sources, runDir }, 'Controller runs');
  await running;
  await notifying;
  await guarding;
  await keeping;
  if (ousted.signal.aborted) throw ousted.signal.reason;
  log.info('Controller ends; sandboxes and rules stay as they are');
  return 0;
}

/** Old versions of images go by themselves, but none that a sandbox is declared with. */
function keepVersions(
  { incus, controller }: Engine,
  { images: { keep } }: Settings,
  { log, signal }: { readonly log: Log; readonly signal: AbortSignal },
): Promise<void> {
  const { desired } = controller;
  const users = () =>
    imageUsers({
      sandboxes: [...desired.manifests().values()].map(({ name, sandbox: { image, state } }) => ({
        name,
        image,
        state,
      })),
      images: [...desired.images().values()].map(({ name, image: { recipe } }) => ({
        name,
        ...(recipe.kind === 'script' && { base: recipe.base }),
      })),
    });
  const tell = (text: string, isFailure: boolean) =>
    isFailure ? log.warn(`Old versions of images stay: ${text}`) : log.info(`An old version of an image went: ${text}`);
  const keepOf = (name: string) => desired.images().get(name)?.image.keep ?? keep;
  return keepImages({ incus, clock, keep: keepOf, users, tell, signal });
}

/** End when the lock's file was taken away or replaced: another controller may run by now, and two would fight. */
async function guardLock(lock: ControllerLock, ousted: AbortController, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    if (!lock.isHeld()) {
      ousted.abort(
        new Problem({
          code: 'controller.lock-lost',
          message: 'The lock of this controller was removed, so it ends; sandboxes and rules stay as they are',
          hint: 'Start it again, and leave the files in its run directory alone.',
        }),
      );
      return;
    }
    await pause(clock, lockCheckMs, signal);
  }
}

function requireRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new Problem({ code: 'daemon.not-root', message: `Only root can ${what}`, hint: 'Run it with sudo' });
}

async function lockHost({ controller: { runDir, stateDir } }: Settings): Promise<ControllerLock> {
  await mkdir(runDir, { recursive: true, mode: 0o755 });
  // Who may talk to the controller is up to its socket; the directory only has to let them through.
  await chmod(runDir, 0o755);
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  return acquireLock(join(runDir, 'controller.lock'));
}

/** A service that starts before Incus waits for it; anything else that is wrong ends it at once. */
async function openWhenReady({ settings, io, watching = {} }: DaemonInit, log: Log): Promise<Engine> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await openEngine({ settings, env: io.env, log, signal: io.signal, mode: 'running', watching });
    } catch (error) {
      if (!(error instanceof Problem) || error.retry !== 'backoff') throw error;
      if (isFirst) log.warn({ problem: error }, 'Waiting for Incus');
      await clock.sleep(retryMs, io.signal);
    }
  }
}

function followAll(engine: Engine, { lock, settings }: { lock: ControllerLock; settings: Settings }): void {
  const { controller, metrics, incus } = engine;
  metrics.queue.follow(controller.queue, { workers: settings.controller.workers });
  metrics.sandboxes.follow(() =>
    [...controller.sandboxes.all()].map((record) => ({
      name: record.name,
      source: record.world.instance?.stamp.source ?? '',
      revision: record.world.instance?.stamp.hash.slice(0, 12) ?? '',
      phase: phaseOf(record),
      conditions: record.conditions,
    })),
  );
  metrics.sources.follow(() =>
    controller.desired.sources().map(({ source, read, completeAt }) => ({
      id: source.id,
      complete: read.kind === 'complete',
      lastSuccessMs: completeAt,
      manifests: read.kind === 'failed' ? 0 : read.manifests.size,
    })),
  );
  metrics.images.follow(() =>
    [...controller.images.all()].map((record) => ({
      image: record.manifest.name,
      ready: isAsDeclared(record),
      builtAt: record.builtAt,
    })),
  );
  metrics.drift.followHeat(() => controller.fights.max(clock.monotonic()));
  metrics.prune.followOrphans(() => ({ link: controller.network.orphanLinks().length }));
  metrics.prune.followUnmanaged(() => ({
    instance: [...controller.instances.all()].filter(({ owner }) => owner.kind === 'unmanaged').length,
  }));
  metrics.observing.followAge(() => (clock.now() - (controller.instances.listedAt ?? clock.now())) / 1_000);
  metrics.observing.followLeader(() => lock.isHeld());
  metrics.observing.followStream('incus', () => incus.events.up);
  metrics.observing.followStream('nft', () => controller.network.isReady());
  metrics.observing.followStream('link', () => true);
  metrics.network.followReady(() => controller.network.isReady());
  metrics.network.followDenied(() => deniedBySandbox(engine));
}

/**
 * Refused packets by the name of the sandbox; none of what exists no longer. A new sandbox begins at 0, or the first ones would
 * be no increase to Prometheus.
 */
function* deniedBySandbox({ controller, denials }: Engine): Iterable<{ name: string; packets: number }> {
  const packets = denials.packets();
  for (const { name, world } of controller.sandboxes.all()) {
    if (world.instance) yield { name, packets: packets.get(world.instance.stamp.uid) ?? 0 };
  }
}

function health({ controller }: Engine): Verdict {
  const longest = Math.max(0, ...controller.queue.snapshot().active.map(({ forMs }) => forMs));
  if (longest > stuckMs)
    return { ok: false, message: `a key has been looked after for ${Math.round(longest / 1_000)} s` };
  return { ok: true, message: 'the loop is alive' };
}

function readiness({ controller, incus }: Engine): Verdict {
  const age = clock.now() - (controller.instances.listedAt ?? 0);
  if (!controller.sources.isObserved()) return { ok: false, message: 'Incus or the sources have not been read yet' };
  if (!incus.events.up || age > staleMs) return { ok: false, message: 'Incus has not answered for a while' };
  return { ok: true, message: 'everything has been looked at' };
}

interface Notifying {
  readonly notify: ReturnType<typeof openNotify>;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** Tell the service manager once the first complete look is done, and from then on that the loop is alive. */
async function keepNotifying(engine: Engine, { notify, env, signal }: Notifying): Promise<void> {
  const everyMs = Math.min(watchdogMs(env) ?? 20_000, 20_000);
  let isReady = false;
  while (!signal.aborted) {
    if (!isReady && readiness(engine).ok) {
      isReady = true;
      await notify('READY=1');
    }
    if (health(engine).ok) await notify('WATCHDOG=1');
    await pause(clock, isReady ? everyMs : 200, signal);
  }
  await notify('STOPPING=1');
}

/**
 * Take everything of coi off this host's Incus and kernel. Manifests and state stay.
 *
 * @throws {Problem} `controller.already-running` while a controller runs: it would make everything anew
 */
export async function runUninstall(
  { settings, io }: InProcessInit,
  onRemoved: (sandbox: string) => void,
): Promise<void> {
  requireRoot('uninstall coi');
  await using stack = new AsyncDisposableStack();
  const log = openLog({ level: logLevelFrom(io.env, 'silent'), stream: process.stderr });
  stack.use(await lockHost(settings));
  const ending = new AbortController();
  stack.defer(() => ending.abort());
  const signal = AbortSignal.any([io.signal, ending.signal]);
  const engine = stack.use(await openEngine({ settings, env: io.env, log, signal, mode: 'in-process' }));
  await uninstall(engine.controller, onRemoved, signal);
}

/** What a command without a controller is given. */
export interface InProcessInit {
  readonly settings: Settings;
  readonly io: Io;
}

/**
 * Answer commands in this process. Looking changes nothing; the first command that changes something takes the controller's
 * lock and does its work here.
 */
export async function openInProcess({ settings, io }: InProcessInit): Promise<ControlApi & AsyncDisposable> {
  requireRoot('do this without a running controller');
  const stack = new AsyncDisposableStack();
  const ending = new AbortController();
  const signal = AbortSignal.any([io.signal, ending.signal]);
  const log = openLog({ level: logLevelFrom(io.env, 'silent'), stream: process.stderr });
  const lock = stack.use(await lockHost(settings));
  const engine = stack.use(await openEngine({ settings, env: io.env, log, signal, mode: 'in-process' }));
  await lookOnce(engine.controller, clock.now(), signal);
  let running: Promise<void> | undefined;
  const act = async () => {
    if (!lock.isHeld())
      throw new Problem({ code: 'daemon.lock-lost', message: 'The lock of the controller was taken away' });
    running ??= engine.run();
    await engine.controller.untilLookedAt(signal);
  };
  return {
    ...delegate(engine.control, act),
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
      await stack.disposeAsync();
    },
  };
}

/** The same methods, with those that change something waiting for the loop to run. */
function delegate(api: ControlApi, act: () => Promise<void>): ControlApi {
  const acting = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    await act();
    return call();
  };
  return {
    status: () => api.status(),
    plan: (options) => api.plan(options),
    events: (options) => api.events(options),
    denials: (options) => api.denials(options),
    policy: (options) => api.policy(options),
    policyTest: (options) => api.policyTest(options),
    monitor: (options) => api.monitor(options),
    detections: (options) => api.detections(options),
    store: (options) => acting(() => api.store(options)),
    reconcile: () => acting(() => api.reconcile()),
    delete: (options) => acting(() => api.delete(options)),
    freeze: (options) => acting(() => api.freeze(options)),
    resume: (options) => acting(() => api.resume(options)),
    suspend: (options) => acting(() => api.suspend(options)),
    unsuspend: (options) => acting(() => api.unsuspend(options)),
    confirmDeletes: (options) => acting(() => api.confirmDeletes(options)),
    adopt: (options) => acting(() => api.adopt(options)),
    openSession: (options) => acting(() => api.openSession(options)),
    endSession: (options) => api.endSession(options),
    shutDown: (options) => acting(() => api.shutDown(options)),
    persist: (options) => acting(() => api.persist(options)),
    launch: (options) => acting(() => api.launch(options)),
    setPower: (options) => acting(() => api.setPower(options)),
    addMount: (options) => acting(() => api.addMount(options)),
    createSnapshot: (request) => acting(() => api.createSnapshot(request)),
    restoreSnapshot: (request) => acting(() => api.restoreSnapshot(request)),
    deleteSnapshot: (request) => acting(() => api.deleteSnapshot(request)),
    fork: (request) => acting(() => api.fork(request)),
    // Nobody goes on with it once this process has ended.
    awaitSandbox: (options) => api.awaitSandbox(options.goal === 'away' ? { ...options, goal: 'gone' } : options),
    orphans: () => api.orphans(),
    // Holds the lock, and needs nothing that the loop does.
    removeOrphans: (options) => api.removeOrphans(options),
  };
}
