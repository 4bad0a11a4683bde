import { ulid } from 'ulid';
import type { AuditEntry } from '../audit/record.ts';
import { systemClock as clock } from '../base/clock.ts';
import type { Controller } from '../controller/controller.ts';
import type { Incus } from '../host/incus/client.ts';
import type { Log } from '../log/open-log.ts';
import type { OverrideStore } from '../source/overrides.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Settings } from '../spec/settings.ts';
import type { DetectionEntry } from './detection-sink.ts';
import type { Monitor } from './monitor.ts';
import { openMonitor, type OpenMonitorInit } from './open-monitor.ts';
import { openSensors } from './open-sensors.ts';

/** What sandboxes are watched with. */
export type Watching = Pick<OpenMonitorInit, 'judge' | 'openSensors' | 'readTree'>;

export interface WatchInit {
  readonly controller: Controller;
  readonly incus: Incus;
  readonly overrides: OverrideStore;
  readonly settings: Settings;
  readonly log: Log;
  readonly audit: (entry: AuditEntry) => void;
  /** Has a session saved and deleted. @returns false for what is no session */
  readonly bury: (manifest: Manifest) => Promise<boolean>;
  /** In place of what is used otherwise. */
  readonly watching?: Partial<Watching> | undefined;
  readonly lifetime: AbortSignal;
}

/** The monitor of a controller. */
export function openWatch(init: WatchInit): Monitor {
  const { controller, settings, log, watching } = init;
  const note = (entry: DetectionEntry) => log.warn(logged(entry), 'Detected');
  return openMonitor({
    ...init,
    project: settings.incus.project,
    clock,
    bury: async (name) => {
      const manifest = controller.desired.manifests().get(name);
      return manifest?.sandbox.persistent === false && init.bury(manifest);
    },
    audit: (name, why) => {
      const key = `sandbox/${name}`;
      init.audit({ reconcileId: ulid(), key, phase: 'succeeded', kind: 'quarantine', why, actor: 'monitor' });
    },
    sink: { append: note, appendDurable: async (entry) => note(entry) },
    listeners: { onEvent: () => undefined, onEntry: () => undefined, onResponded: () => undefined },
    judge: { judge: () => [] },
    openSensors,
    readTree: async () => [],
    onProblem: (error) => log.warn({ err: error }, 'Watching sandboxes'),
    ...watching,
  });
}

/** For the controller's own log: nothing that comes from inside, which may hold secrets. */
function logged({ sandbox, match, outcome, count, because }: DetectionEntry) {
  const { id: rule, severity } = match.rule;
  return { sandbox, rule, severity, outcome, ...(count && { count }), ...(because && { because }) };
}
