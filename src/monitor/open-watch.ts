import { hostname } from 'node:os';
import { ulid } from 'ulid';
import type { AuditEntry } from '../audit/record.ts';
import { systemClock as clock } from '../base/clock.ts';
import type { Problem } from '../base/problem.ts';
import type { Controller } from '../controller/controller.ts';
import type { Incus } from '../host/incus/client.ts';
import { WordsReader } from '../host/process/words-reader.ts';
import type { Log } from '../log/open-log.ts';
import type { Metrics } from '../metrics/open-metrics.ts';
import type { OverrideStore } from '../source/overrides.ts';
import { builtIn } from '../spec/defaults.ts';
import { monitoringOf } from '../spec/monitoring.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Settings } from '../spec/settings.ts';
import { countDetection, followMonitor } from './count.ts';
import type { DetectionEntry, DetectionSink } from './detection-sink.ts';
import { DetectionLog, type DetectionLogInit } from './log/detection-log.ts';
import type { Monitor } from './monitor.ts';
import { Notifier } from './notify/notifier.ts';
import { Quarantines, type QuarantinesInit } from './notify/quarantines.ts';
import { openMonitor, type OpenMonitorInit } from './open-monitor.ts';
import { openSensors, type SensorDoors } from './open-sensors.ts';
import { loadRules } from './rules/load-rules.ts';
import { readProcessTree } from './sensors/process/read-process-tree.ts';
import { Snapshots } from './snapshot.ts';

/** What sandboxes are watched with. */
export type Watching = Pick<OpenMonitorInit, 'judge' | 'openSensors' | 'readTree'>;

export interface WatchInit {
  readonly doors: SensorDoors;
  /** Directories with rules of this host's own. */
  readonly ruleDirectories: readonly string[];
  readonly controller: Controller;
  readonly incus: Incus;
  readonly overrides: OverrideStore;
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly audit: (entry: AuditEntry) => void;
  /** Has a session saved and deleted. @returns false for what is no session */
  readonly bury: (manifest: Manifest) => Promise<boolean>;
  /** In place of what is used otherwise. */
  readonly watching?: Partial<Watching> | undefined;
  readonly lifetime: AbortSignal;
}

/** The monitor of a controller, with what it writes to. */
export interface Watch extends AsyncDisposable {
  readonly monitor: Monitor;
  readonly snapshots: Snapshots;
  /** Files of rules that cannot be used, or not all of them. */
  readonly problems: readonly Problem[];
  /** Somebody lifted what held a sandbox. */
  resumed(name: string): void;
  /** Watch until the lifetime ends. Never rejects. */
  run(): Promise<void>;
}

/** Make the monitor of a controller. */
export async function openWatch(init: WatchInit): Promise<Watch> {
  const { controller, settings, log, metrics, watching, lifetime } = init;
  const onProblem = (error: unknown) => log.warn({ err: error }, 'Watching sandboxes');
  const { rules, problems } = await loadRules({ directories: init.ruleDirectories });
  for (const problem of problems) log.warn({ problem }, 'A rule is not in force');
  const reader = new WordsReader(clock);
  const readTree: OpenMonitorInit['readTree'] = (process, owner, signal) =>
    readProcessTree(process, { reader, owner, signal });
  const later: { monitor?: Monitor } = {};
  const detections = openDetections(init, { onProblem, monitoringOf: (uid) => later.monitor?.settingsOf(uid) });
  const notifier = openNotifier(init);
  const quarantines = openQuarantines(init, notifier, (name) => later.monitor?.named(name));
  const monitor = openMonitor({
    ...init,
    project: settings.incus.project,
    clock,
    bury: async (name) => {
      const manifest = controller.desired.manifests().get(name);
      return manifest?.sandbox.persistent === false && init.bury(manifest);
    },
    audit: (name, why) => {
      quarantines.set(name, why);
      const key = `sandbox/${name}`;
      init.audit({ reconcileId: ulid(), key, phase: 'succeeded', kind: 'quarantine', why, actor: 'monitor' });
    },
    sink: told(detections, log),
    onEntry: (entry) => {
      countDetection(metrics, entry, later.monitor?.settingsOf(entry.uid) ?? monitoringOf({}));
      notifier.detected(entry);
    },
    judge: rules,
    openSensors: openSensors(init.doors),
    readTree,
    onProblem,
    ...watching,
  });
  later.monitor = monitor;
  const snapshots = openSnapshots(init, { monitor, readTree });
  followMonitor(metrics, monitor);
  metrics.monitoring.followLog(detections);
  return {
    monitor,
    snapshots,
    problems,
    resumed: (name) => {
      monitor.resumed(name);
      quarantines.lifted(name);
    },
    run: async () => {
      await Promise.all([monitor.run(lifetime), detections.keepTidy()]);
    },
    [Symbol.asyncDispose]: async () => {
      reader[Symbol.dispose]();
      await notifier[Symbol.asyncDispose]();
      await detections[Symbol.asyncDispose]();
    },
  };
}

function openDetections(
  { settings, lifetime }: WatchInit,
  rest: Pick<DetectionLogInit, 'onProblem' | 'monitoringOf'>,
): DetectionLog {
  const { stateDir } = settings.controller;
  return new DetectionLog({ stateDir, clock, usualDays: builtIn.monitoring.logDays, signal: lifetime, ...rest });
}

function openSnapshots(
  { controller, overrides, incus, lifetime }: WatchInit,
  rest: { readonly monitor: Monitor; readonly readTree: OpenMonitorInit['readTree'] },
): Snapshots {
  return new Snapshots({
    clock,
    controller,
    overrides: overrides.of,
    initOf: async (name, signal) => (await incus.instances.state(name, { signal })).pid,
    lifetime,
    ...rest,
  });
}

function openNotifier({ controller, settings, log, metrics, lifetime }: WatchInit): Notifier {
  return new Notifier({
    settings: settings.notifications,
    host: hostname(),
    clock,
    signal: lifetime,
    ownerOf: (uid) => ownerOf(controller, uid),
    onEnd: (channel, outcome) => metrics.monitoring.notified(channel, outcome),
    onProblem: (error) => log.warn({ err: error }, 'A notification did not arrive'),
  });
}

/** User of this host whose sandbox it is. */
function ownerOf({ instances, desired }: Controller, uid: string): number | undefined {
  const name = [...instances.all()]
    .flatMap(({ owner }) => (owner.kind === 'owned' && owner.stamp.uid === uid ? [owner.stamp.name] : []))
    .at(0);
  return desired.manifests().get(name ?? '')?.owner?.uid;
}

function openQuarantines({ overrides }: WatchInit, notifier: Notifier, find: QuarantinesInit['find']): Quarantines {
  const isHeld = (name: string) => overrides.of(name).some(({ kind }) => kind === 'quarantine');
  return new Quarantines({
    clock,
    notifier,
    find,
    before: overrides.sandboxes().filter(isHeld),
  });
}

/** What is acted on stands in the controller's own log as well. */
function told(detections: DetectionLog, log: Log): DetectionSink {
  const tell = (entry: DetectionEntry) => {
    if (entry.outcome !== 'logged' && entry.outcome !== 'deduplicated') log.warn(logged(entry), 'Detected');
  };
  return {
    append: (entry) => {
      tell(entry);
      detections.append(entry);
    },
    appendDurable: (entry) => {
      tell(entry);
      return detections.appendDurable(entry);
    },
  };
}

/** For the controller's own log: nothing that comes from inside, which may hold secrets. */
function logged({ sandbox, match, outcome, count, because }: DetectionEntry) {
  const { id: rule, severity } = match.rule;
  return { sandbox, rule, severity, outcome, ...(count && { count }), ...(because && { because }) };
}
