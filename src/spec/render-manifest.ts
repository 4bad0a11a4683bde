import { stringify } from 'smol-toml';
import { renderMonitoring } from './monitoring.ts';
import type { Manifest, RuntimeLimit, Sandbox, SnapshotSchedule, Tool } from './sandbox.ts';
import { apiVersion } from './schema/files.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/**
 * A complete manifest file for the session source: every value written out, so that later changes of settings do not
 * change it. Read with `kind: 'session'` and empty settings it gives the same sandbox, and so the same hash.
 */
export function renderManifest({ name, instance, sandbox }: Pick<Manifest, 'name' | 'instance' | 'sandbox'>): string {
  const table = { instance, ...leaseOf(sandbox), ...sessionOf(sandbox), ...layerOf(sandbox) };
  return stringify({ apiVersion, sandbox: { [name]: table } });
}

function leaseOf({ lease }: Sandbox): object {
  return lease ? { lease: { pid: lease.pid, started_at: lease.startedAt, boot: lease.boot } } : {};
}

function sessionOf({ session, endsWithin, asked, origin }: Sandbox): object {
  return {
    ...(session && { session: { ...session } }),
    ...(asked && { asked: { ...asked } }),
    ...(endsWithin !== undefined && { ends_within: endsWithin }),
    ...(origin && { origin: { ...origin } }),
  };
}

function toolOf({ name, command, binary, permissionMode, effort, model, hostFiles }: Tool): Pick<SandboxLayer, 'tool'> {
  if (command) return { tool: { command: [...command] } };
  if (name === undefined) return {};
  return {
    tool: {
      name,
      ...(binary !== undefined && { binary }),
      ...(permissionMode && { permission_mode: permissionMode }),
      ...(effort && { claude: { effort_level: effort, ...(model && { model }) } }),
      ...(hostFiles === false && { host_files: false }),
    },
  };
}

function layerOf(sandbox: Sandbox): SandboxLayer {
  const { image, state, workspace, mounts, persistent, restart, tool, prompt, schedule, lifetime, policy } = sandbox;
  const { snapshots } = sandbox;
  return {
    image,
    state,
    ...(workspace !== undefined && { workspace }),
    ...mountedOf(sandbox),
    ...(mounts && { mounts: structuredClone(mounts) }),
    persistent,
    restart,
    ...toolOf(tool),
    ...(prompt !== undefined && { prompt }),
    network: networkOf(sandbox),
    limits: limitsOf(sandbox),
    ...renderMonitoring(sandbox),
    ...(schedule && { schedule: { ...schedule } }),
    ...(snapshots && { snapshots: snapshotsOf(snapshots) }),
    ...(lifetime && { lifetime: { ttl: `${lifetime.ttlMs}ms` } }),
    policy: { ...policy },
    depends_on: [...sandbox.dependsOn],
    incus: {
      code_uid: sandbox.codeUser.uid,
      code_user: sandbox.codeUser.name,
      disable_shift: !sandbox.shift,
    },
  };
}

function snapshotsOf({ schedule, expiryMs, stopped }: SnapshotSchedule): NonNullable<SandboxLayer['snapshots']> {
  return {
    ...(schedule !== undefined && { schedule }),
    ...(expiryMs !== undefined && { expiry: `${expiryMs / 60_000}m` }),
    ...(stopped && { stopped }),
  };
}

/** Written out in full: with no list of its own, it would get the usual one. */
function mountedOf({ workspace, preservesPath, protectedPaths = [], ...sandbox }: Sandbox): SandboxLayer {
  const docker = sandbox.docker !== false;
  if (workspace === undefined) return { security: { docker } };
  return {
    ...(preservesPath && { paths: { preserve_workspace_path: true } }),
    security: { protected_paths: [...protectedPaths], docker },
  };
}

function networkOf({ network, networkLog }: Sandbox): NonNullable<SandboxLayer['network']> {
  const { mode, localNetwork, metadata, allowed, refreshMinutes } = network;
  return {
    mode,
    ...(localNetwork && { allow_local_network_access: true }),
    ...(metadata && { block_metadata_endpoint: false }),
    ...(allowed && { allowed_domains: Object.keys(allowed) }),
    ...(refreshMinutes !== undefined && { refresh_interval_minutes: refreshMinutes }),
    ...(networkLog && { logging: { ...networkLog } }),
  };
}

function runtimeOf(processes: number | undefined, runtime: RuntimeLimit | undefined): object {
  return {
    ...(processes !== undefined && { max_processes: processes }),
    ...(runtime && { max_duration: `${runtime.maxMs}ms`, stop_graceful: runtime.force !== true }),
  };
}

function limitsOf({
  limits: { processes, runtime, tmpfs, cpu, memory, disk },
}: Sandbox): NonNullable<SandboxLayer['limits']> {
  return {
    ...(cpu && { cpu: { ...cpu } }),
    ...(memory && { memory: { ...memory } }),
    ...((disk || tmpfs !== undefined) && { disk: { ...disk, ...(tmpfs !== undefined && { tmpfs_size: tmpfs }) } }),
    ...((processes !== undefined || runtime) && { runtime: runtimeOf(processes, runtime) }),
  };
}
