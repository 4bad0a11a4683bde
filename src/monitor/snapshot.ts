import type { Clock } from '../base/clock.ts';
import { openDeadline } from '../base/deadline.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { untilAborted } from '../base/until-aborted.ts';
import type { MonitorReport } from '../controller/monitor-api.ts';
import type { Controller } from '../controller/controller.ts';
import { readTraffic, trafficFile } from '../host/cgroup/disk-traffic.ts';
import { payloadGroups, type PayloadGroup } from '../host/cgroup/payload.ts';
import { readUsage } from '../host/cgroup/usage.ts';
import { processAt, type HostProcess } from '../host/process/container-process.ts';
import { readConnections, type Connection } from '../host/process/connections.ts';
import { activeOverrides, type Override } from '../plan/override.ts';
import type { OwnedInstance } from '../plan/world.ts';
import { monitoringOf } from '../spec/monitoring.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import type { ProcessSummary } from './event.ts';
import type { Monitor } from './monitor.ts';
import { megabyte, networkOf, processesOf, resourcesOf, threatOf, tmpOf } from './report-parts.ts';
import type { ReadProcessTree } from './take-evidence.ts';

/** How long each part may take, in milliseconds. */
const patienceMs = 2_000;

/** A look that is older says nothing about a rate, in milliseconds. */
const forgetMs = 600_000;

export interface SnapshotsInit {
  readonly clock: Clock;
  readonly controller: Pick<Controller, 'sandboxes' | 'desired'>;
  readonly monitor: Pick<Monitor, 'statuses' | 'detections' | 'lastTmp'>;
  readonly overrides: (sandbox: string) => readonly Override[];
  readonly initOf: (instance: string, signal: AbortSignal) => Promise<number>;
  readonly readTree: ReadProcessTree;
  readonly lifetime: AbortSignal;
}

interface Volume {
  readonly at: number;
  readonly read: number;
  readonly written: number;
}

/** What sandboxes are doing, looked at when somebody asks. */
export class Snapshots {
  readonly #init: SnapshotsInit;
  /** What was read and written at the last look, for rates. */
  readonly #volumes = new Map<string, Volume>();

  constructor(init: SnapshotsInit) {
    this.#init = init;
  }

  /** @throws {Problem} `monitor.unknown` where there is no such sandbox */
  async take(wanted: string): Promise<MonitorReport> {
    const { clock, controller, monitor, initOf, lifetime } = this.#init;
    const name = controller.sandboxes.get(wanted) ? wanted : (controller.desired.declaredAs(wanted) ?? wanted);
    const instance = this.#instanceOf(name);
    if (!instance) throw unknown(wanted);
    const { uid } = instance.stamp;
    const pid = await initOf(instance.name, lifetime);
    const init = pid > 0 ? processAt(pid) : undefined;
    const groups = init ? payloadGroups(init) : [];
    const { connections, processes, errors } = await this.#lookInside(uid, init);
    const usage = readUsage(groups);
    const volume = this.#volumeOf(uid, groups);
    const detections = monitor.detections(uid);
    return {
      timestamp: new Date(clock.now()).toISOString(),
      ...this.#aboutIt(name, instance),
      network: networkOf(connections, detections),
      processes: processesOf(processes, usage.processes),
      filesystem: {
        available: groups.length > 0,
        ...this.#workspaceOf(name),
        ...volume,
        ...tmpOf(monitor.lastTmp(uid)),
      },
      resources: resourcesOf(usage, volume),
      threats: detections.map(threatOf),
      ...(errors.length > 0 && { errors }),
      sensors: monitor.statuses(),
    };
  }

  #instanceOf(name: string): OwnedInstance | undefined {
    const world = this.#init.controller.sandboxes.get(name)?.world;
    return world?.instance ?? world?.tombstone;
  }

  #aboutIt(
    name: string,
    { name: container, endpoint, power }: OwnedInstance,
  ): Pick<MonitorReport, 'container_name' | 'sandbox' | 'state' | 'monitoring'> {
    const { overrides, clock, controller } = this.#init;
    const active = activeOverrides(overrides(name), undefined, clock.now());
    const quarantine = active.find(({ kind }) => kind === 'quarantine')?.reason;
    return {
      container_name: container,
      ...(endpoint && { container_ip: endpoint.ipv4 }),
      sandbox: name,
      state: power,
      ...(quarantine !== undefined && { quarantine }),
      monitoring: monitoringOf(controller.desired.manifests().get(name)?.sandbox ?? {}).enabled,
    };
  }

  #workspaceOf(name: string): Pick<MonitorReport['filesystem'], 'workspace_path'> {
    const sandbox = this.#init.controller.desired.manifests().get(name)?.sandbox;
    return sandbox?.workspace === undefined ? {} : { workspace_path: workspaceInside(sandbox) };
  }

  async #lookInside(
    uid: string,
    init: HostProcess | undefined,
  ): Promise<{
    readonly connections: readonly Connection[];
    readonly processes: readonly ProcessSummary[] | undefined;
    readonly errors: readonly string[];
  }> {
    const errors: string[] = [];
    if (!init) return { connections: [], processes: undefined, errors };
    const { clock, readTree, lifetime } = this.#init;
    const look = async <T>(what: string, read: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> => {
      using deadline = openDeadline(clock, patienceMs, lifetime);
      try {
        return await untilAborted(read(deadline.signal), deadline.signal);
      } catch (error) {
        errors.push(
          deadline.hasPassed() ? `Its ${what} could not be read in time` : `Its ${what}: ${messageOf(error)}`,
        );
        return undefined;
      }
    };
    const [connections, processes] = await Promise.all([
      look('connections', (signal) => readConnections(init, signal)),
      look('processes', (signal) => readTree(init, uid, signal)),
    ]);
    return { connections: connections ?? [], processes, errors };
  }

  #volumeOf(uid: string, groups: readonly PayloadGroup[]) {
    const file = trafficFile(groups);
    const traffic = [...((file === undefined ? undefined : readTraffic(file)) ?? new Map()).values()];
    const at = this.#init.clock.monotonic();
    // One device below another has the same bytes again.
    const read = Math.max(0, ...traffic.map((each) => each.read));
    const written = Math.max(0, ...traffic.map((each) => each.written));
    const before = this.#volumes.get(uid);
    for (const [each, volume] of this.#volumes) if (at - volume.at > forgetMs) this.#volumes.delete(each);
    this.#volumes.set(uid, { at, read, written });
    const rate = (now: number, then: number | undefined) =>
      before === undefined || then === undefined ? 0 : Math.max(0, now - then) / megabyte / ((at - before.at) / 1_000);
    return {
      total_read_mb: read / megabyte,
      read_rate_mb_per_sec: rate(read, before?.read),
      total_write_mb: written / megabyte,
      write_rate_mb_per_sec: rate(written, before?.written),
    };
  }
}

function unknown(name: string): Problem {
  return new Problem({
    code: 'monitor.unknown',
    message: `There is no sandbox "${name}", or nothing of it exists yet`,
    hint: 'List them with: coi status',
  });
}
