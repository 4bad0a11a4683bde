import { isDeepStrictEqual } from 'node:util';
import { parseDuration, parseSize } from '../base/units.ts';
import { isWithinRules } from '../network/narrower.ts';
import { looserMonitoring } from './looser-monitoring.ts';
import { monitoringOf } from './monitoring.ts';
import type { Limits, Sandbox, Tool } from './sandbox.ts';
import { isAtOrBelow } from './workspace-path.ts';

/** A part of a sandbox that has more than that of another. */
export interface LoosePart {
  /** The section of the settings that says so as a rule; `rest` for what none of them says. */
  readonly section:
    | 'network'
    | 'security'
    | 'mounts'
    | 'limits'
    | 'tool'
    | 'incus'
    | 'snapshots'
    | 'monitoring'
    | 'rest';
  readonly why: string;
}

/**
 * How each part of a sandbox is judged: by its own rules, not at all, or as one that has to be the same. Whoever adds a part
 * has to say which.
 */
const judged: Readonly<Record<keyof Sandbox, 'by rules' | 'harmless' | LoosePart['section']>> = {
  network: 'by rules',
  protectedPaths: 'by rules',
  docker: 'by rules',
  mounts: 'by rules',
  limits: 'by rules',
  tool: 'by rules',
  monitoring: 'by rules',
  image: 'harmless',
  persistent: 'harmless',
  preservesPath: 'harmless',
  networkLog: 'network',
  codeUser: 'incus',
  shift: 'incus',
  workspace: 'rest',
  state: 'rest',
  restart: 'rest',
  prompt: 'rest',
  schedule: 'rest',
  snapshots: 'snapshots',
  lifetime: 'rest',
  policy: 'rest',
  dependsOn: 'rest',
  lease: 'rest',
  endsWithin: 'rest',
  session: 'rest',
  asked: 'rest',
  origin: 'rest',
};

/** What a sandbox may do that another, on the same workspace, may not. */
export function looserParts(sandbox: Sandbox, base: Sandbox): LoosePart[] {
  const parts: LoosePart[] = [];
  if (!isWithinRules(sandbox.network, base.network)) {
    parts.push({ section: 'network', why: `it reaches more than what you allow (${base.network.mode})` });
  }
  const open = (base.protectedPaths ?? []).filter((path) => !isProtected(path, sandbox));
  if (open.length > 0) parts.push({ section: 'security', why: `it leaves ${open.slice(0, 5).join(', ')} unprotected` });
  if (base.docker === false && sandbox.docker !== false)
    parts.push({ section: 'security', why: 'it lets containers run inside' });
  const foreign = foreignMounts(sandbox, base);
  if (foreign.length > 0) parts.push({ section: 'mounts', why: `it shows ${foreign.slice(0, 5).join(', ')}` });
  const higher = higherLimits(sandbox.limits, base.limits);
  if (higher.length > 0) parts.push({ section: 'limits', why: `it raises your ${higher.join(', ')}` });
  const unwatched = looserMonitoring(monitoringOf(sandbox), monitoringOf(base));
  if (unwatched.length > 0) {
    parts.push({ section: 'monitoring', why: `it is watched less: ${unwatched.slice(0, 5).join(', ')}` });
  }
  return [...parts, ...looserTool(sandbox.tool, base.tool), ...otherParts(sandbox, base)];
}

/** Which agent is run is its owner's choice, in both directions: another one gets its credentials and other files. */
function looserTool(tool: Tool, base: Tool): LoosePart[] {
  const isOther = !isDeepStrictEqual(programOf(tool), programOf(base));
  const isUnasked = base.permissionMode === 'interactive' && tool.permissionMode === 'bypass';
  const takesFiles = base.hostFiles === false && tool.name !== undefined && tool.hostFiles !== false;
  const whys = [
    ...(isOther ? ['another program runs inside'] : []),
    ...(isUnasked ? ['the agent acts without asking you'] : []),
    ...(takesFiles ? ['files of your home go in'] : []),
  ];
  return whys.map((why) => ({ section: 'tool', why }));
}

function programOf({ name, command, binary }: Tool): readonly unknown[] {
  return [name, command, binary];
}

/** What differs and has no rules of its own. */
function otherParts(sandbox: Sandbox, base: Sandbox): LoosePart[] {
  return Object.entries(judged).flatMap(([part, how]): LoosePart[] => {
    if (how === 'by rules' || how === 'harmless') return [];
    const key = part as keyof Sandbox;
    return isDeepStrictEqual(sandbox[key], base[key]) ? [] : [{ section: how, why: `it changes your ${part}` }];
  });
}

function isProtected(path: string, { protectedPaths = [] }: Sandbox): boolean {
  return protectedPaths.some((covered) => isAtOrBelow(path, covered));
}

/** Directories of the host outside of the workspace. */
function foreignMounts({ workspace, mounts = {} }: Sandbox, base: Sandbox): string[] {
  return Object.entries(mounts)
    .filter(([path, { host, readonly }]) => {
      const known = base.mounts?.[path];
      const isKnown = known?.host === host && (readonly || !known.readonly);
      return !isKnown && !(workspace !== undefined && isAtOrBelow(host, workspace));
    })
    .map(([, { host }]) => host);
}

/** Limits of a base that are higher, or gone; a limit where there was none is no more. */
function higherLimits(limits: Limits, base: Limits): string[] {
  const now = flat(limits);
  return Object.entries(flat(base)).flatMap(([name, limit]) => (isWithinLimit(now[name], limit, name) ? [] : [name]));
}

function flat({ cpu, memory, disk, tmpfs, processes, runtime }: Limits): Record<string, string | number | undefined> {
  const all = {
    'cpu.count': cpu?.count,
    'cpu.allowance': cpu?.allowance,
    'cpu.priority': cpu?.priority,
    'memory.limit': memory?.limit,
    'memory.enforce': memory?.enforce,
    'memory.swap': memory?.swap,
    'disk.read': disk?.read,
    'disk.write': disk?.write,
    'disk.max': disk?.max,
    'disk.priority': disk?.priority,
    'disk.tmpfs_size': tmpfs,
    'runtime.max_processes': processes,
    'runtime.max_duration': runtime?.maxMs,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** From strict to loose. */
const orders: Readonly<Record<string, readonly string[]>> = { 'memory.enforce': ['hard', 'soft'] };

function isWithinLimit(now: string | number | undefined, limit: string | number | undefined, name: string): boolean {
  if (now === limit) return true;
  if (now === undefined || limit === undefined) return false;
  const order = orders[name];
  if (order) return order.indexOf(String(now)) <= order.indexOf(String(limit));
  if (name === 'memory.swap') return now === 'false' || limit === 'true';
  const [a, b] = [amountOf(now, name), amountOf(limit, name)];
  return a !== undefined && b !== undefined && a.unit === b.unit && a.amount <= b.amount;
}

/** Amounts of the same unit can be compared. */
function amountOf(value: string | number, name: string): { unit: string; amount: number } | undefined {
  if (typeof value === 'number') return { unit: '', amount: value };
  if (name === 'cpu.count') return { unit: 'cpus', amount: cpusOf(value) };
  const share = /^([0-9]+)(%|iops)$/.exec(value);
  if (share) return { unit: share[2]!, amount: Number(share[1]) };
  const slice = /^([0-9]+)ms\/([0-9]+)ms$/.exec(value);
  if (slice) return { unit: 'slice', amount: Number(slice[1]) / Number(slice[2]) };
  const size = parseSize(value);
  if (size !== undefined) return { unit: 'bytes', amount: size };
  const ms = parseDuration(value);
  return ms === undefined ? undefined : { unit: 'ms', amount: ms };
}

/** `2` is two of them, `0-3` four, `0,2` two. */
function cpusOf(text: string): number {
  if (/^[0-9]+$/.test(text)) return Number(text);
  return text.split(',').reduce((sum, part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
}
