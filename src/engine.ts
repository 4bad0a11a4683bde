import { join } from 'node:path';
import { Agents } from './apply/agents.ts';
import { Reservations } from './apply/reservations.ts';
import { openAudit, type Audit } from './audit/open-audit.ts';
import { followAudit, readAudit } from './audit/read.ts';
import { systemClock as clock } from './base/clock.ts';
import { Problem } from './base/problem.ts';
import { version } from './cli/version.ts';
import { Control } from './controller/control.ts';
import type { ControlApi, HostReport } from './controller/control-api.ts';
import { Controller } from './controller/controller.ts';
import { findBridge } from './controller/find-bridge.ts';
import { ManifestReader } from './controller/manifest-reader.ts';
import { Recorder } from './controller/recorder.ts';
import { reportProblem } from './controller/report.ts';
import { openIncus, type Incus } from './host/incus/client.ts';
import { incusSocket } from './host/incus/socket.ts';
import { watchLinks } from './host/link/watch.ts';
import { openFirewall } from './host/nft/firewall.ts';
import { watchBlockPolicies } from './host/xfrm/watch.ts';
import type { Log } from './log/open-log.ts';
import { openMetrics, type Metrics } from './metrics/open-metrics.ts';
import { openDirectorySource } from './source/directory.ts';
import { homeOf } from './source/homes.ts';
import { OverrideStore } from './source/overrides.ts';
import { sessionSource, sessionSourceId } from './source/session-source.ts';
import { SessionStore } from './source/session-store.ts';
import type { Source } from './source/source.ts';
import { renderManifest } from './spec/render-manifest.ts';
import type { Settings } from './spec/settings.ts';

/** What an engine is started with. */
export interface EngineInit {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly mode: HostReport['controller'];
}

/** A controller with everything it works with. */
export interface Engine extends AsyncDisposable {
  readonly controller: Controller;
  readonly control: ControlApi;
  readonly metrics: Metrics;
  readonly incus: Incus;
  readonly audit: Audit;
  /** Look after everything until the signal aborts. Whoever calls holds the lock. */
  run(): Promise<void>;
}

/**
 * Wire a controller: every part is made here and handed what it needs, and all of it ends in reverse order.
 *
 * @throws {Problem} when Incus, its bridge or nft cannot be used
 */
export async function openEngine(init: EngineInit): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const { settings, log, signal } = init;
  const { stateDir } = settings.controller;
  const { project, storagePool } = settings.incus;
  const metrics = openMetrics({ version });
  const audit = stack.use(
    await openAudit({
      dir: join(stateDir, 'audit'),
      clock,
      onDrop: (error) => log.error({ err: error }, 'Audit records are lost'),
    }),
  );
  metrics.audit.follow(audit);
  const observe = metrics.incus.request.bind(metrics.incus);
  const incus = stack.use(openIncus({ socketPath: incusSocket(init.env), project, clock, observe }));
  const bridge = await findBridge(incus, settings.controller.bridge, signal);
  await requireStoragePool(incus, storagePool, signal);
  const overrides = new OverrideStore({ stateDir, clock });
  const problems = [...(await overrides.load()).problems];
  const later: { controller?: Controller } = {};
  const onDrift = () => later.controller?.hintNetwork();
  const firewall = stack.use(await openFirewall({ clock, signal, onDrift }));
  const recorder = new Recorder({
    audit,
    metrics,
    log,
    now: () => clock.now(),
    recordOf: (name) => later.controller?.sandboxes.get(name),
  });
  const controller = new Controller(
    {
      clock,
      incus,
      project,
      bridge,
      placement: { network: bridge.name, storagePool },
      reservations: new Reservations(),
      agents: new Agents(clock),
      journal: recorder,
      workers: settings.controller.workers,
      overrides: overrides.of,
      setOverride: (name, override) => overrides.set(name, override),
      listeners: recorder,
      lifetime: signal,
    },
    firewall,
  );
  later.controller = controller;
  const sources = new Sources({ settings, controller, stack: stack.use(new AsyncDisposableStack()), mode: init.mode });
  await sources.open();
  const control = new Control({
    controller,
    overrides: {
      of: overrides.of,
      set: (name, override) => overrides.set(name, override),
      lift: (name, kind) => overrides.remove(name, kind),
      names: () => overrides.sandboxes(),
    },
    session: sources,
    parse: (files, uid) => sources.reader.brought(files, { source: sessionSourceId(uid), home: sources.homeOf(uid) }),
    host: () => ({
      controller: init.mode,
      version,
      ...metricsAddress(settings, init.mode),
      problems: problems.map(reportProblem),
    }),
    isIncusUp: () => incus.events.up,
    audit: (entry) => audit.appendDurable(entry),
    events: (query) => events(join(stateDir, 'audit'), query),
    adoptConfig: (name, config, callSignal) => incus.instances.patch(name, { config }, { signal: callSignal }),
    lifetime: signal,
  });
  controller.onDeleted((name, source) => void sources.forget(name, source));
  const owned = stack.move();
  return {
    controller,
    control,
    metrics,
    incus,
    audit,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
    run: async () => {
      const hint = () => controller.hintNetwork();
      const reload = async () => {
        for (const name of (await overrides.load()).changed) controller.hintSandbox(name);
      };
      await using _overrides = overrides.watch(() => {
        reload().catch((error: unknown) => log.error({ err: error }, 'Cannot read overrides'));
      });
      sources.watch();
      const watches = [
        watchLinks({ clock, signal, onHint: () => controller.hintLinks() }),
        watchBlockPolicies({ clock, signal, onHint: hint }),
      ];
      await controller.run();
      await Promise.all(watches);
    },
  };
}

function metricsAddress({ controller }: Settings, mode: HostReport['controller']): { metrics?: string } {
  const listen = controller.metricsListen;
  if (mode !== 'running' || !listen) return {};
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return { metrics: `http://${host}:${listen.port}/metrics` };
}

async function requireStoragePool({ storage }: Incus, name: string, signal: AbortSignal): Promise<void> {
  const pools = await storage.list({ signal });
  if (pools.some((pool) => pool.name === name)) return;
  const known = pools.map((pool) => pool.name).join(', ') || 'none';
  throw new Problem({
    code: 'storage.missing',
    message: `There is no storage pool "${name}" in Incus; there is ${known}`,
    hint: 'Make it with deploy/quickstart, or name another one in /etc/coi/config.toml: [incus] storage_pool = "…"',
  });
}

async function* events(dir: string, query: Parameters<ControlApi['events']>[0]): ReturnType<ControlApi['events']> {
  const { name, since, limit, follow, signal } = query;
  const wanted = {
    dir,
    ...(name !== undefined && { key: `sandbox/${name}` }),
    ...(since !== undefined && { since }),
    ...(limit !== undefined && { limit }),
  };
  const records = follow ? followAudit({ ...wanted, clock, signal }) : await readAudit(wanted);
  for await (const record of records) yield { ...record };
}

interface SourcesInit {
  readonly settings: Settings;
  readonly controller: Controller;
  readonly stack: AsyncDisposableStack;
  readonly mode: HostReport['controller'];
}

/** The directories of the settings, and a session source for every user who ever stored something. */
class Sources {
  readonly reader: ManifestReader;
  readonly #init: SourcesInit;
  readonly #store: SessionStore;
  readonly #homes = new Map<number, string>();
  readonly #opened: Source[] = [];
  #isWatching = false;

  constructor(init: SourcesInit) {
    this.#init = init;
    this.reader = new ManifestReader(init.settings);
    this.#store = new SessionStore(init.settings.controller.stateDir);
  }

  async open(): Promise<void> {
    const { settings, controller } = this.#init;
    const ownsSomething = (id: string) => controller.desired.ownsSomething(id);
    for (const path of settings.controller.sources) {
      const parse = this.reader.declared.bind(this.reader);
      this.#add(await openDirectorySource({ path, parse, homeOf, ownsSomething, clock }));
    }
    for (const uid of new Set([0, ...(await this.#store.listUsers())])) await this.#addUser(uid);
  }

  async #addUser(uid: number): Promise<void> {
    const { settings, controller } = this.#init;
    this.#homes.set(uid, await homeOf(uid));
    const parse = this.reader.session.bind(this.reader);
    const ownsSomething = (id: string) => controller.desired.ownsSomething(id);
    this.#add(sessionSource({ stateDir: settings.controller.stateDir, uid, parse, homeOf, ownsSomething, clock }));
  }

  #add(source: Source): void {
    this.#init.controller.addSource(source);
    this.#opened.push(source);
    if (this.#isWatching) this.#watchOne(source);
  }

  /** Hint at changes from now on. */
  watch(): void {
    this.#isWatching = true;
    for (const source of this.#opened) this.#watchOne(source);
  }

  #watchOne(source: Source): void {
    this.#init.stack.use(source.watch(() => this.#init.controller.hintSource(source.id)));
  }

  homeOf(uid: number): string {
    return this.#homes.get(uid) ?? '/nonexistent';
  }

  sourceOf(uid: number): string {
    return sessionSourceId(uid);
  }

  isSession(source: string): boolean {
    return source.startsWith(sessionSourceId(0).slice(0, -1));
  }

  async put(uid: number, manifest: Parameters<typeof renderManifest>[0]): Promise<void> {
    if (!this.#homes.has(uid)) await this.#addUser(uid);
    await this.#store.replaceManifest({ uid, name: manifest.name }, renderManifest(manifest));
  }

  async writeTombstone(name: string, source: string): Promise<void> {
    await this.#store.writeTombstone({ uid: uidOf(source), name });
  }

  /** A sandbox is gone: its name is free again. */
  async forget(name: string, source: string): Promise<void> {
    if (this.isSession(source)) await this.#store.removeTombstone({ uid: uidOf(source), name });
    this.#init.controller.hintSource(source);
  }
}

function uidOf(source: string): number {
  return Number(source.slice(source.indexOf('/') + 1));
}
