import { join } from 'node:path';
import { Agents } from './apply/agents.ts';
import { Reservations } from './apply/reservations.ts';
import { openAudit, type Audit } from './audit/open-audit.ts';
import { systemClock as clock } from './base/clock.ts';
import type { Problem } from './base/problem.ts';
import { etcDirectory } from './cli/settings-files.ts';
import { version } from './cli/version.ts';
import { Control } from './controller/control.ts';
import type { ControlApi, HostReport } from './controller/control-api.ts';
import { Controller } from './controller/controller.ts';
import { chooseFirewall, removeOtherFirewalls } from './controller/choose-firewall.ts';
import { DenialWatch } from './controller/denial-watch.ts';
import { findBridge } from './controller/find-bridge.ts';
import { healRoutes } from './controller/heal-routes.ts';
import { NetworkAnswers } from './controller/network-answers.ts';
import { openSessions, type OpenedSessions } from './controller/open-sessions.ts';
import { openOrphans } from './controller/orphans/open-orphans.ts';
import { readEvents } from './controller/read-events.ts';
import { Recorder } from './controller/recorder.ts';
import { requireStoragePool } from './controller/require-storage-pool.ts';
import { SourceSet } from './controller/source-set.ts';
import { reportProblem } from './controller/report.ts';
import { watchedSandboxes } from './controller/watched-sandboxes.ts';
import { openIncus, type Incus } from './host/incus/client.ts';
import { NameService } from './host/dns/name-service.ts';
import { incusHome, incusSocket } from './host/incus/socket.ts';
import { openDeclaredImages } from './image/declared-images.ts';
import { watchAddresses, watchLinks } from './host/link/watch.ts';
import { cannotShiftBecause } from './host/mount/lima.ts';
import { WorkspaceTrees } from './host/mount/workspace-trees.ts';
import { holdBridge, holdObstacle } from './host/nft/hold.ts';
import { watchBlockPolicies } from './host/xfrm/watch.ts';
import type { Log } from './log/open-log.ts';
import { openMetrics, type Metrics } from './metrics/open-metrics.ts';
import { answerDetections } from './monitor/log/answer-detections.ts';
import type { Monitor } from './monitor/monitor.ts';
import { openWatch, type Watch, type Watching } from './monitor/open-watch.ts';
import { workspacesDir, type Placement } from './plan/render-instance.ts';
import { openAgentRecipes, type AgentRecipesInit } from './session/agent-recipes.ts';
import { openSessionKeeper } from './session/session-keeper.ts';
import type { Override } from './plan/override.ts';
import { OverrideStore } from './source/overrides.ts';
import type { Manifest } from './spec/sandbox.ts';
import type { Settings } from './spec/settings.ts';

/** What an engine is started with. */
export interface EngineInit {
  readonly settings: Settings;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Ends everything. */
  readonly signal: AbortSignal;
  readonly mode: HostReport['controller'];
  /** In place of what sandboxes are watched with otherwise. */
  readonly watching?: Partial<Watching>;
}

/** A controller with everything it works with. */
export interface Engine extends AsyncDisposable {
  readonly controller: Controller;
  readonly control: ControlApi;
  readonly metrics: Metrics;
  readonly incus: Incus;
  readonly audit: Audit;
  readonly denials: DenialWatch;
  /** Only in a controller that runs. */
  readonly monitor: Monitor | undefined;
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
  const { settings, log } = init;
  const auditDir = join(settings.controller.stateDir, 'audit');
  const metrics = openMetrics({ version });
  const onDrop = (error: unknown) => log.error({ err: error }, 'Audit records are lost');
  const audit = stack.use(await openAudit({ dir: auditDir, clock, onDrop }));
  metrics.audit.follow(audit);
  const incus = stack.use(openClient(init, metrics));
  const overrides = new OverrideStore({ stateDir: settings.controller.stateDir, clock });
  const { problems } = await overrides.load();
  // The sources are made for a controller, which asks them about sessions.
  const later: { sources?: SourceSet } = {};
  const environmentOf = async (manifest: Manifest) => (await later.sources?.environmentOf(manifest)) ?? {};
  const parts = { stack, audit, metrics, incus, overrides, environmentOf };
  const { controller, names } = await openController(init, parts);
  const sources = new SourceSet({ settings, controller, stack: stack.use(new AsyncDisposableStack()) });
  later.sources = sources;
  await sources.open();
  controller.onDeleted((name, source) => {
    forget({ sources, overrides }, name, source).catch((error: unknown) => log.error({ err: error }, notForgotten));
  });
  const denials = openDenialWatch(init, { controller, names });
  const opened = { ...parts, controller, names, sources, denials };
  const sessions = openSessions({ ...opened, lifetime: init.signal });
  const watch = init.mode === 'running' ? stack.use(await openOwnWatch(init, opened, sessions)) : undefined;
  const allProblems = [...problems, ...(watch?.problems ?? [])];
  const control = openControl(init, { ...opened, sessions, watch, problems: allProblems, auditDir });
  const owned = stack.move();
  return {
    controller,
    control,
    metrics,
    incus,
    audit,
    denials,
    monitor: watch?.monitor,
    run: () => run(init, { controller, names, overrides, sources, denials, watch, incus }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Opened extends Parts {
  readonly controller: Controller;
  readonly names: NameService;
  readonly sources: SourceSet;
  readonly denials: DenialWatch;
}

interface ControlParts extends Opened {
  readonly sessions: OpenedSessions;
  readonly watch: Watch | undefined;
  readonly problems: readonly Problem[];
  readonly auditDir: string;
}

function openControl(init: EngineInit, parts: ControlParts): ControlApi {
  const { settings, signal } = init;
  const { controller, sessions, watch, overrides, sources, problems, names, denials, incus, audit, auditDir } = parts;
  return new Control({
    controller,
    ...sessions,
    onResumed: (name) => watch?.resumed(name),
    ...(watch && { monitor: ({ name }) => watch.snapshots.take(name) }),
    overrides,
    session: sources,
    parse: (files, uid) => sources.brought(files, uid),
    host: () => ({
      controller: init.mode,
      version,
      ...metricsAddress(init),
      ...(watch && { sensors: watch.monitor.statuses() }),
      problems: [...problems, ...names.problems()].map(reportProblem),
    }),
    // A command that only looks listens to no events: it has just asked.
    isIncusUp: () => incus.events.up || init.mode === 'in-process',
    audit: (entry) => audit.appendDurable(entry),
    orphans: openOrphans({
      controller,
      stateDir: settings.controller.stateDir,
      isControllerRunning: init.mode === 'running',
      audit: (entry) => audit.appendDurable(entry),
    }),
    events: (query) => readEvents({ dir: auditDir, clock }, query),
    detections: (query) => answerDetections({ stateDir: settings.controller.stateDir, clock }, query),
    network: new NetworkAnswers({ controller, names, watch: denials, lifetime: signal }),
    adoptConfig: (name, config, callSignal) => incus.instances.patch(name, { config }, { signal: callSignal }),
    lifetime: signal,
  });
}

function openOwnWatch(
  { settings, log, signal, watching, env }: EngineInit,
  { controller, incus, overrides, audit, names, metrics }: Opened,
  { bury }: OpenedSessions,
): Promise<Watch> {
  return openWatch({
    doors: {
      clock,
      bridge: controller.policies.bridge,
      unlogged: () => controller.firewall.records.unlogged(),
      nameOf: (uid, address) => names.nameOf(uid, address),
      listen: (onAsked) => names.listen(onAsked),
    },
    ruleDirectories: [join(etcDirectory(env), 'rules')],
    controller,
    incus,
    overrides,
    settings,
    log,
    metrics,
    audit: (entry) => audit.append(entry),
    bury,
    watching,
    lifetime: signal,
  });
}

const notForgotten = 'Cannot forget a sandbox that is gone';

/** Its name is free again. What held the one that is gone still, was about that one. */
async function forget(
  { sources, overrides }: Pick<Running, 'sources' | 'overrides'>,
  name: string,
  source: string,
): Promise<void> {
  const held = sources.isSession(source) ? [...overrides.of(name)] : [];
  for (const { kind } of held) await overrides.remove(name, kind);
  await sources.forget(name, source);
}

function openClient({ settings, env }: EngineInit, metrics: Metrics): Incus {
  const observe = metrics.incus.request.bind(metrics.incus);
  const { project } = settings.incus;
  return openIncus({ socketPath: incusSocket(env), home: incusHome(env), project, clock, observe });
}

interface Parts {
  readonly stack: AsyncDisposableStack;
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly incus: Incus;
  readonly overrides: OverrideStore;
  readonly environmentOf: AgentRecipesInit['environmentOf'];
}

async function openController(
  init: EngineInit,
  { stack, audit, metrics, incus, overrides, environmentOf }: Parts,
): Promise<{ controller: Controller; names: NameService }> {
  const { settings, log, signal } = init;
  const { project, storagePool } = settings.incus;
  if (init.mode === 'running') await healRoutes(settings.controller.bridge, { incus, log, signal });
  const bridge = await findBridge(incus, settings.controller.bridge, signal);
  await requireStoragePool(incus, storagePool, signal);
  // The firewall and the recorder speak of a controller that is made from them.
  const later: { controller?: Controller; names?: NameService } = {};
  const onDrift = () => {
    later.names?.doubt();
    later.controller?.host.hintNetwork();
  };
  const kind = settings.controller.firewall;
  const timed = () => later.names?.timed() ?? [];
  const firewallInit = { clock, signal, onDrift, timed, bridge, incus };
  const firewall = stack.use(await chooseFirewall(kind, firewallInit));
  const names = new NameService({
    clock,
    signal,
    bridge,
    firewall,
    stateDir: settings.controller.stateDir,
    onQuery: (result) => metrics.network.asked(result),
    onProblem: (problem) => log.warn({ problem }, 'Looking names up'),
  });
  later.names = names;
  const trees = new WorkspaceTrees({
    dir: workspacesDir(settings),
    clock,
    incusd: async (each) => (await incus.server({ signal: each })).pid,
  });
  await trees.load();
  const recordOf = (name: string) => later.controller?.sandboxes.get(name);
  const recorder = new Recorder({ audit, metrics, log, recordOf });
  later.controller = new Controller(
    {
      clock,
      incus,
      project,
      bridge,
      placement: await placementOf(init, bridge.name),
      reservations: new Reservations(),
      agents: new Agents(clock),
      recipes: openAgentRecipes({ environmentOf }),
      sessions: openSessionKeeper({ incus, clock }),
      journal: recorder,
      workers: settings.controller.workers,
      overrides: overrides.of,
      setOverride: (name, override) => holdOverride(init, overrides, { name, override }),
      listeners: recorder,
      ...imageParts(init, incus),
      removeOtherFirewalls: () => removeOtherFirewalls(kind, firewallInit),
      lifetime: signal,
    },
    { firewall, names, trees },
  );
  return { controller: later.controller, names };
}

function imageParts({ env, mode }: EngineInit, incus: Incus) {
  const images = openDeclaredImages({ incus, clock, env, etc: etcDirectory(env), program: thisProgram() });
  return { images, buildsImages: mode === 'running' };
}

/** As it was started: what stands before its arguments. */
function thisProgram(): readonly [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1]!];
}

async function holdOverride(
  { log }: EngineInit,
  overrides: OverrideStore,
  { name, override }: { readonly name: string; readonly override: Override },
): Promise<void> {
  const problem = await overrides.hold(name, override);
  if (problem) log.warn({ problem }, 'It holds, and is written as soon as that works');
}

async function placementOf({ settings, log }: EngineInit, network: string): Promise<Placement> {
  const because = await cannotShiftBecause();
  if (because) log.info({ because }, 'Ids of files are not shifted');
  const { storagePool } = settings.incus;
  return { network, storagePool, workspaces: workspacesDir(settings), ...(because && { cannotShift: true }) };
}

function openDenialWatch(
  { settings, log, mode }: EngineInit,
  { controller, names }: Pick<Running, 'controller' | 'names'>,
): DenialWatch {
  const { firewall } = controller;
  return new DenialWatch({
    firewall,
    names,
    clock,
    stateDir: settings.controller.stateDir,
    sandboxes: () => watchedSandboxes(controller),
    looksOnly: mode === 'in-process',
    onProblem: (error) => log.warn({ err: error }, 'Cannot record what sandboxes were refused'),
  });
}

interface Running {
  readonly controller: Controller;
  readonly names: NameService;
  readonly overrides: OverrideStore;
  readonly sources: SourceSet;
  readonly denials: DenialWatch;
  readonly watch: Watch | undefined;
  readonly incus: Incus;
}

/** Watch everything that can change, and look after it, until the signal aborts. */
async function run(
  { log, signal }: EngineInit,
  { controller, names, overrides, sources, denials, watch, incus }: Running,
): Promise<void> {
  const reload = async () => {
    for (const name of (await overrides.load()).changed) controller.hintSandbox(name);
  };
  await using _overrides = overrides.watch(() => {
    reload().catch((error: unknown) => log.error({ err: error }, 'Cannot read overrides'));
  });
  sources.watch();
  controller.onLooked((key) => watch?.monitor.looked(key));
  using _events = incus.events.on((notice) => watch?.monitor.notice(notice));
  const watches = [
    names.run(),
    holdWhereSafe({ log, signal }),
    watchLinks({ clock, signal, onHint: () => controller.host.hintLinks() }),
    watchAddresses({ clock, signal, onHint: () => controller.host.hintNetwork() }),
    watchBlockPolicies({ clock, signal, onHint: () => controller.host.hintNetwork() }),
    denials.run(signal),
    ...(watch ? [watch.run()] : []),
    controller.hands.trees.watch((uid) => controller.hintInstance(uid), signal),
  ];
  await controller.run();
  await Promise.all(watches);
}

/** One more layer, where this host's nft can bear it; the others hold without it. */
async function holdWhereSafe({ log, signal }: Pick<EngineInit, 'log' | 'signal'>): Promise<void> {
  const obstacle = await holdObstacle({ signal });
  if (obstacle !== undefined) {
    log.info({ because: obstacle }, 'No table that outlasts a flush');
    return;
  }
  const onFailure = (text: string) => {
    if (!signal.aborted) log.warn({ said: text }, 'The table that outlasts a flush is not there');
  };
  await holdBridge({ clock, signal, onFailure });
}

function metricsAddress({ settings, mode }: EngineInit): { metrics?: string } {
  const listen = settings.controller.metricsListen;
  if (mode !== 'running' || !listen) return {};
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return { metrics: `http://${host}:${listen.port}/metrics` };
}
