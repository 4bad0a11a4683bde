import { parseDuration } from '../base/units.ts';
import { builtIn, highestUid } from './defaults.ts';
import { expandHome } from './expand-home.ts';
import { mergeSandbox } from './layers.ts';
import { resolveMonitoring } from './monitoring.ts';
import { resolveProtected } from './protected-paths.ts';
import { resolveNetwork, resolveNetworkLog } from './resolve-network.ts';
import type { Limits, Mount, Sandbox, Tool } from './sandbox.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/** What a sandbox is resolved from. */
export interface ResolveInput {
  /** Layers above the built-in values, lowest first, each already checked. */
  readonly layers: readonly SandboxLayer[];
  /** What `~` stands for: the home directory of the file's owner. */
  readonly home: string;
  /** Whether it is a session, which ends when its tool ends, or a declared sandbox, which is kept running. */
  readonly session: boolean;
  /** Whether an agent runs even where no layer names one. */
  readonly agent?: boolean;
  /** Whose files it works on: the number of the user inside where no layer has one. */
  readonly owner?: number;
}

/** Lay the layers over the built-in values and fill in every default. The result needs no further parsing. */
export function resolveSandbox({ layers, home, session, agent = false, owner }: ResolveInput): Sandbox {
  const layer = mergeSandbox(layers);
  return {
    ...whatRuns(layer, home),
    codeUser: codeUser(layer, owner),
    ...howItIsMounted(layer),
    ...(layer.security?.docker === false && { docker: false }),
    tool: resolveTool(layer, agent),
    ...whenItRuns(layer, session),
    network: resolveNetwork(layer.network),
    ...resolveNetworkLog(layer.network, home),
    limits: resolveLimits(layer.limits),
    ...resolveMonitoring(layer.monitoring),
    ...resolveSnapshots(layer.snapshots),
    policy: { ...builtIn.policy, ...layer.policy },
  };
}

type Part<Keys extends keyof Sandbox> = Pick<Sandbox, Keys>;

function whatRuns(
  { image, persistent, workspace, mounts = {}, prompt, incus = {} }: SandboxLayer,
  home: string,
): Part<'image' | 'persistent' | 'workspace' | 'mounts' | 'prompt' | 'shift'> {
  return {
    image: image ?? builtIn.image,
    persistent: persistent ?? builtIn.persistent,
    ...(workspace !== undefined && { workspace: expandHome(workspace, home) }),
    ...resolveMounts(mounts, home),
    ...(prompt !== undefined && { prompt }),
    shift: incus.disable_shift !== true,
  };
}

/** Root's files are for the usual user, too: what runs inside has no business as root. */
function codeUser({ incus = {} }: SandboxLayer, owner: number | undefined): Sandbox['codeUser'] {
  const { codeUid, codeUser: name } = builtIn.incus;
  const isUsable = owner !== undefined && owner > 0 && owner <= highestUid;
  return { uid: incus.code_uid ?? (isUsable ? owner : codeUid), name: incus.code_user ?? name };
}

/** Without a workspace there is nothing to protect, and no path to keep. */
function howItIsMounted(layer: SandboxLayer): Part<'preservesPath' | 'protectedPaths'> {
  if (layer.workspace === undefined) return {};
  const protectedPaths = resolveProtected(layer);
  return {
    ...(layer.paths?.preserve_workspace_path && { preservesPath: true }),
    ...(protectedPaths.length > 0 && { protectedPaths }),
  };
}

/** A prompt without anybody to give it to is for the usual agent. */
function resolveTool({ tool = {}, prompt }: SandboxLayer, agent: boolean): Tool {
  if (tool.command) return { command: tool.command };
  const name = tool.name ?? (agent || prompt !== undefined ? builtIn.tool.name : undefined);
  if (name === undefined) return {};
  return {
    name,
    ...(tool.binary && { binary: tool.binary }),
    permissionMode: tool.permission_mode ?? builtIn.tool.permissionMode,
    ...(name === 'claude' && claudeOf(tool.claude)),
    ...(tool.host_files === false && { hostFiles: false as const }),
  };
}

function claudeOf({ effort_level: effort, model }: NonNullable<SandboxLayer['tool']>['claude'] = {}): Tool {
  return { effort: effort ?? builtIn.tool.effort, ...(model && { model }) };
}

/** In order of the paths inside, so that the order in files means nothing. */
function resolveMounts(mounts: NonNullable<SandboxLayer['mounts']>, home: string): Part<'mounts'> {
  const all = Object.entries(mounts).map(([path, { host, readonly, shift, device }]): [string, Mount] => [
    expandHome(path, '/'),
    {
      host: expandHome(host, home),
      ...(readonly && { readonly }),
      ...(shift === false && { shift }),
      ...(device !== undefined && { device }),
    },
  ]);
  if (all.length === 0) return {};
  return { mounts: Object.fromEntries(all.toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

function whenItRuns(
  { state, restart, schedule, lifetime, depends_on }: SandboxLayer,
  session: boolean,
): Part<'state' | 'restart' | 'schedule' | 'lifetime' | 'dependsOn'> {
  return {
    state: state ?? builtIn.state,
    restart: restart ?? (session ? 'never' : 'always'),
    ...(schedule && { schedule: { timezone: builtIn.timezone, ...schedule } }),
    ...(lifetime?.ttl !== undefined && { lifetime: { ttlMs: parseDuration(lifetime.ttl)! } }),
    dependsOn: [...new Set(depends_on)].toSorted(),
  };
}

/** Empty texts and zeros mean "none" in files and are left out here. */
function resolveLimits(limits: SandboxLayer['limits']): Limits {
  const { cpu = {}, memory = {}, disk = {}, runtime } = limits ?? {};
  const enforce = memory.enforce ?? (memory.limit ? builtIn.memoryEnforce : undefined);
  const swap = memory.swap === undefined ? undefined : String(memory.swap);
  return {
    ...section('cpu', { count: cpu.count, allowance: cpu.allowance, priority: cpu.priority }),
    ...section('memory', { limit: memory.limit, enforce, swap }),
    ...section('disk', {
      read: bytesPerSecond(disk.read),
      write: bytesPerSecond(disk.write),
      max: bytesPerSecond(disk.max),
      priority: disk.priority,
    }),
    ...(disk.tmpfs_size && { tmpfs: disk.tmpfs_size }),
    ...resolveRuntime(runtime),
    ...(runtime?.max_processes && { processes: runtime.max_processes }),
  };
}

/** Without a schedule there are none, whatever lower layers say about them. */
function resolveSnapshots(snapshots: SandboxLayer['snapshots']): Part<'snapshots'> {
  if (!snapshots || snapshots.schedule === '') return {};
  const { schedule, expiry, stopped } = snapshots;
  const all = {
    ...(schedule !== undefined && { schedule: schedule.trim().split(/\s+/).join(' ') }),
    ...(expiry && { expiryMs: parseDuration(expiry)! }),
    ...(stopped && { stopped: true as const }),
  };
  return Object.keys(all).length === 0 ? {} : { snapshots: all };
}

/** A limit that stops nothing is none. */
function resolveRuntime(runtime: NonNullable<SandboxLayer['limits']>['runtime'] = {}): Pick<Limits, 'runtime'> {
  const { max_duration: duration, auto_stop: stops = true, stop_graceful: graceful = true } = runtime;
  const maxMs = duration && stops ? parseDuration(duration) : undefined;
  return maxMs ? { runtime: { maxMs, ...(!graceful && { force: true }) } } : {};
}

function section(name: string, members: Readonly<Record<string, string | number | undefined>>): object {
  const set = Object.entries(members).filter(([, value]) => value !== undefined && value !== '' && value !== 0);
  return set.length === 0 ? {} : { [name]: Object.fromEntries(set) };
}

/** Incus takes `10MiB` for what people write as `10MiB/s`. */
function bytesPerSecond(rate: string | undefined): string | undefined {
  return rate?.replace(/\/s$/, '');
}
