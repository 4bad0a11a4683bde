import type { Clock } from '../base/clock.ts';
import type { Controller } from '../controller/controller.ts';
import type { Incus } from '../host/incus/client.ts';
import type { DetectionSink } from './detection-sink.ts';
import type { Judge } from './judge.ts';
import { Monitor, type MonitorInit } from './monitor.ts';
import { RecentEvents } from './recent-events.ts';
import { Responder, type ResponderInit } from './responses/responder.ts';
import { takeEvidence, type ReadProcessTree } from './take-evidence.ts';
import { WatchedContainers } from './watched.ts';

/** What a monitor works with. */
export interface OpenMonitorInit extends Pick<ResponderInit, 'overrides' | 'bury' | 'audit'> {
  readonly controller: Controller;
  readonly incus: Incus;
  readonly project: string;
  readonly clock: Clock;
  readonly judge: Judge;
  readonly sink: DetectionSink;
  readonly onEntry: MonitorInit['onEntry'];
  readonly openSensors: MonitorInit['openSensors'];
  readonly readTree: ReadProcessTree;
  readonly onProblem: (error: unknown) => void;
  readonly lifetime: AbortSignal;
}

/** Make a monitor of all sandboxes of a controller. It watches nothing before it runs. */
export function openMonitor(init: OpenMonitorInit): Monitor {
  const { controller, incus, project, clock, readTree, onProblem, lifetime } = init;
  const recent = new RecentEvents();
  // What it is made of speaks of the monitor.
  const later: { monitor?: Monitor } = {};
  const watched = new WatchedContainers({
    controller,
    project,
    clock,
    initOf: async (name, signal) => (await incus.instances.state(name, { signal })).pid,
    onChange: (risen) => later.monitor?.changed(risen),
    onProblem,
  });
  const responder = new Responder({
    ...init,
    onEntry: (entry) => later.monitor?.noted(entry),
    hint: (name) => controller.hintSandbox(name, 'security'),
    stateOf: (instance) => controller.instances.get(instance)?.instance.state,
    isMeantFrozen: (name) => controller.desired.manifests().get(name)?.sandbox.state === 'frozen',
    evidence: ({ uid, init: process }, signal) =>
      takeEvidence({ clock, uid, init: process, readTree, events: recent.of(uid), signal }),
    lifetime,
  });
  later.monitor = new Monitor({ ...init, watched, recent, responder });
  return later.monitor;
}
