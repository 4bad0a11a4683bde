import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { parseSize } from '../base/units.ts';
import type { Endpoint } from '../network/policy.ts';
import { isFingerprint } from '../spec/names.ts';
import { hasAgent, type Limits, type Manifest, type Sandbox } from '../spec/sandbox.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { protectedWorkspace, shownPath, treePath } from './host-directories.ts';
import { renderStamp, type Stamp } from './stamp.ts';
import type { View } from './view.ts';

/** Where the host wants its sandboxes: the same for all of them. */
export interface Placement {
  readonly network: string;
  readonly storagePool: string;
  /** Directory in which all that sandboxes see of the host is mounted, in a directory for each instance. */
  readonly workspaces: string;
  /** Whether this host cannot shift ids of files: a virtual machine that shares them with another system. */
  readonly cannotShift?: true;
}

/** Everything that is chosen for one instance before it exists. */
export interface Reservation {
  readonly uid: string;
  readonly endpoint: Endpoint;
}

/**
 * The managed view that a manifest asks for on one endpoint.
 *
 * The instance gets no profile: every device and key is its own, so that editing a shared profile cannot loosen a sandbox.
 * `security.protection.delete` stops every deletion that does not go through the teardown steps, and `boot.autostart=false`
 * keeps Incus from starting a sandbox after a reboot before its rules are loaded.
 * @see Incus documentation, "Instance options"
 */
export function desiredView(sandbox: Sandbox, { uid, endpoint }: Reservation, placement: Placement): View {
  const shift = sandbox.shift && !placement.cannotShift;
  const places = { workspaces: placement.workspaces, uid, shift };
  return {
    image: sandbox.image,
    network: sandbox.network,
    agent: agentHash(sandbox),
    protection: protectionHash(sandbox),
    deletion: sandbox.policy.deletion,
    profiles: [],
    config: {
      'boot.autostart': 'false',
      'security.guestapi': 'false',
      'security.privileged': 'false',
      'security.protection.delete': 'true',
      ...dockerConfig(sandbox),
      ...limitConfig(sandbox.limits),
      ...snapshotConfig(sandbox),
    },
    devices: {
      root: { type: 'disk', path: '/', pool: placement.storagePool, ...diskLimits(sandbox.limits) },
      eth0: nicDevice(endpoint, placement.network),
      ...workspaceDevice(sandbox, places),
      ...mountDevices(sandbox, places),
    },
  };
}

/** NIC whose every address is chosen by us, isolated from its siblings on the bridge. */
function nicDevice(endpoint: Endpoint, network: string): Record<string, string> {
  return {
    type: 'nic',
    name: 'eth0',
    network,
    hwaddr: endpoint.mac,
    host_name: endpoint.port,
    'ipv4.address': endpoint.ipv4,
    'security.port_isolation': 'true',
  };
}

function diskDevice(place: { source: string; path: string }, shift: boolean): Record<string, string> {
  return { type: 'disk', ...place, ...(shift ? { shift: 'true' } : {}) };
}

/** The directory in which workspaces, and what is mounted beside them, are shown to Incus. */
export function workspacesDir({ controller }: { readonly controller: { readonly stateDir: string } }): string {
  return posix.join(controller.stateDir, 'workspaces');
}

/** Where one instance finds what it sees of the host. */
interface Places {
  readonly workspaces: string;
  readonly uid: string;
  readonly shift: boolean;
}

/** Mounts below the tree come along only where they are asked for. See Incus documentation, "Disk devices". */
function workspaceDevice(sandbox: Sandbox, { workspaces, uid, shift }: Places): Record<string, Record<string, string>> {
  if (sandbox.workspace === undefined) return {};
  const path = workspaceInside(sandbox);
  const source = treePath(workspaces, uid);
  if (protectedWorkspace(sandbox)) return { workspace: { ...diskDevice({ source, path }, shift), recursive: 'true' } };
  return { workspace: diskDevice({ source: shownPath(workspaces, uid, sandbox.workspace), path }, shift) };
}

/** Stands for what the tree is made from: another one takes a start. */
function protectionHash(sandbox: Sandbox): string {
  const covered = protectedWorkspace(sandbox);
  return covered ? shortHash([covered.workspace, covered.protectedPaths]) : '';
}

/** Named by their paths where they have no name, so that one more changes nothing about the others. */
function mountDevices(
  { mounts = {} }: Sandbox,
  { workspaces, uid, shift }: Places,
): Record<string, Record<string, string>> {
  const devices = Object.entries(mounts).map(([path, { host, readonly, shift: isShifted = true, device }]) => {
    const name = device ?? `mount-${createHash('sha256').update(path).digest('hex').slice(0, 8)}`;
    const source = shownPath(workspaces, uid, host);
    return [name, { ...diskDevice({ source, path }, shift && isShifted), ...(readonly && { readonly: 'true' }) }];
  });
  return Object.fromEntries(devices);
}

/**
 * What Docker inside of an unprivileged container takes: namespaces and mounts of its own, the device nodes and attributes that
 * layers of images have, and low ports for users other than root. What Incus lets through of the system calls is harmless by its
 * own list: nodes without hardware behind them. See Incus documentation, "System call interception".
 */
function dockerConfig({ docker }: Sandbox): Record<string, string> {
  if (docker === false) return {};
  return {
    'security.nesting': 'true',
    'security.syscalls.intercept.mknod': 'true',
    'security.syscalls.intercept.setxattr': 'true',
    'linux.sysctl.net.ipv4.ip_unprivileged_port_start': '0',
  };
}

function limitConfig({ cpu, memory, disk, tmpfs, processes }: Limits): Record<string, string> {
  return withoutUnset({
    'limits.cpu': cpu?.count,
    'limits.cpu.allowance': cpu?.allowance,
    'limits.cpu.priority': cpu?.priority,
    'limits.memory': memory?.limit,
    'limits.memory.enforce': memory?.enforce,
    'limits.memory.swap': memory?.swap,
    'limits.disk.priority': disk?.priority,
    'limits.processes': processes,
    'raw.lxc': tmpfs === undefined ? undefined : tmpfsEntry(tmpfs),
  });
}

/** Incus keeps the time, and removes what has expired. See Incus documentation, "Instance options", "Snapshot scheduling". */
function snapshotConfig({ snapshots }: Sandbox): Record<string, string> {
  if (snapshots?.schedule === undefined) return {};
  return withoutUnset({
    'snapshots.schedule': snapshots.schedule,
    'snapshots.schedule.stopped': snapshots.stopped,
    'snapshots.expiry': snapshots.expiryMs === undefined ? undefined : expiryText(snapshots.expiryMs),
    'snapshots.pattern': `auto-{{ creation_date|date:'20060102-150405' }}`,
  });
}

function expiryText(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  const parts = [
    [Math.floor(minutes / 1_440), 'd'],
    [Math.floor(minutes / 60) % 24, 'H'],
    [minutes % 60, 'M'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}

/** Incus 6.0 knows no device for this. See lxc.container.conf(5), "lxc.mount.entry". */
function tmpfsEntry(size: string): string {
  return `lxc.mount.entry = tmpfs tmp tmpfs rw,nosuid,nodev,mode=1777,size=${parseSize(size)},create=dir 0 0`;
}

/** Rates belong to the disk device: Incus refuses them on the instance. */
function diskLimits({ disk }: Limits): Record<string, string> {
  return withoutUnset({ 'limits.read': disk?.read, 'limits.write': disk?.write, 'limits.max': disk?.max });
}

function withoutUnset(record: Record<string, string | number | true | undefined>): Record<string, string> {
  const set = Object.entries(record).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([key, value]) => [key, String(value)]));
}

function agentHash(sandbox: Sandbox): string {
  const { tool, prompt, codeUser, session } = sandbox;
  const shell = session?.debug ? ['bash'] : [];
  return hasAgent(sandbox) ? shortHash([tool.command ?? tool, prompt ?? '', codeUser, ...shell]) : '';
}

function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}

type ImageSource =
  | { readonly type: 'image'; readonly alias: string }
  | { readonly type: 'image'; readonly fingerprint: string };

/** Body of the one request that creates, and where `start` says so starts, an instance. */
export interface CreateBody {
  readonly name: string;
  readonly type: 'container';
  readonly source: ImageSource | { readonly type: 'copy'; readonly source: string };
  readonly profiles: readonly string[];
  readonly config: Readonly<Record<string, string>>;
  readonly devices: View['devices'];
  readonly start: boolean;
}

function sourceOf({ image, origin }: Sandbox): CreateBody['source'] {
  if (origin) return { type: 'copy', source: `${origin.instance}/${origin.snapshot}` };
  return isFingerprint(image) ? { type: 'image', fingerprint: image } : { type: 'image', alias: image };
}

/** The create request of a manifest: it carries the stamp and the intent, so a half-made instance can be told from a whole one. */
export function createBody(
  manifest: Manifest,
  view: View,
  { stamp, start }: { stamp: Stamp; start: boolean },
): CreateBody {
  return {
    name: manifest.instance,
    type: 'container',
    source: sourceOf(manifest.sandbox),
    profiles: view.profiles,
    config: { ...view.config, ...renderStamp(stamp) },
    devices: view.devices,
    start,
  };
}
