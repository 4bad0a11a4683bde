import { Problem, type Position } from '../base/problem.ts';
import { mostProtectedPaths } from './protected-paths.ts';
import type { KeyPath } from './locate-toml.ts';
import type { Sandbox } from './sandbox.ts';
import { isAtOrBelow, workspaceInside } from './workspace-path.ts';

/** Two keys that make no sense together, or a value that makes none on this sandbox. */
interface Rule {
  /** Top-level keys of the table that the rule reads: it is skipped when one of them is wrong already. */
  readonly reads: readonly string[];
  /** The key to point at. */
  readonly path: KeyPath;
  readonly broken: (sandbox: Sandbox, name: string) => boolean;
  readonly message: string;
  readonly hint: string;
}

/** Devices that every container may have. */
const ownDevices = ['root', 'eth0', 'workspace'];

const rules: readonly Rule[] = [
  {
    reads: ['schedule'],
    path: ['schedule'],
    broken: ({ schedule }) => schedule !== undefined && schedule.start === undefined && schedule.stop === undefined,
    message: 'schedule has neither start nor stop',
    hint: 'Set schedule.start, schedule.stop or both, or remove schedule.',
  },
  {
    reads: ['schedule'],
    path: ['schedule', 'stop'],
    broken: ({ schedule }) => schedule?.start !== undefined && words(schedule.start) === words(schedule.stop ?? ''),
    message: 'schedule.start and schedule.stop fire at the same moments',
    hint: 'Give them different times.',
  },
  {
    reads: ['snapshots'],
    path: ['snapshots'],
    broken: ({ snapshots }) => snapshots !== undefined && snapshots.schedule === undefined,
    message: 'snapshots has no schedule: none would be made',
    hint: 'Set snapshots.schedule, such as "@daily", or remove snapshots.',
  },
  {
    reads: ['state', 'policy'],
    path: ['state'],
    broken: ({ state, policy }) => state === 'absent' && policy.deletion === 'protect',
    message: 'state = "absent" deletes the sandbox, and policy.deletion = "protect" forbids it',
    hint: 'Change one of them.',
  },
  {
    reads: ['workspace'],
    path: ['workspace'],
    broken: ({ workspace }) => workspace === '/',
    message: 'workspace is "/", which would hand over the whole host',
    hint: 'Name the directory of the project.',
  },
  {
    reads: ['network'],
    path: ['network', 'allowed_domains'],
    broken: ({ network: { mode, allowed = {} } }) => mode === 'allowlist' && Object.keys(allowed).length === 0,
    message: 'network.allowed_domains is empty: nothing could be reached',
    hint: 'Name what it may reach, remove the key to allow what agents usually need, or use network.mode = "none".',
  },
  {
    reads: ['depends_on'],
    path: ['depends_on'],
    broken: ({ dependsOn }, name) => dependsOn.includes(name),
    message: 'depends_on names the sandbox itself, which could never start',
    hint: 'Remove it from the list.',
  },
  {
    reads: ['mounts', 'workspace', 'paths'],
    path: ['mounts'],
    broken: (sandbox) => Object.keys(sandbox.mounts ?? {}).some((path) => isOccupied(path, workspaceInside(sandbox))),
    message:
      'a mount stands over the workspace (/workspace, unless its path is kept), or over what the system inside needs: /, /dev, /proc, /sys',
    hint: 'Give it a path of its own, such as "/data".',
  },
  {
    reads: ['mounts'],
    path: ['mounts'],
    broken: ({ mounts = {} }) => Object.keys(mounts).some((path, _, all) => all.some((other) => isBelow(path, other))),
    message: 'mounts are nested: one lies below another',
    hint: 'Give them paths that lie beside each other.',
  },
  {
    reads: ['mounts'],
    path: ['mounts'],
    broken: ({ mounts = {} }) => {
      const devices = [...ownDevices, ...Object.values(mounts).flatMap(({ device }) => device ?? [])];
      return new Set(devices).size < devices.length;
    },
    message: `two mounts have the same device, or one has that of something else: ${ownDevices.join(', ')}`,
    hint: 'Give each a name of its own, or leave device out.',
  },
  {
    reads: ['mounts'],
    path: ['mounts'],
    broken: ({ mounts = {} }) => Object.values(mounts).some(({ host }) => host === '/'),
    message: 'a mount shows "/", which would hand over the whole host',
    hint: 'Name the directory that is needed.',
  },
  {
    reads: ['security', 'git'],
    path: ['security'],
    broken: ({ protectedPaths = [] }) => protectedPaths.length > mostProtectedPaths,
    message: `more than ${mostProtectedPaths} paths are protected, those of all files together`,
    hint: 'Name directories in place of what is in them.',
  },
  {
    reads: ['mounts', 'workspace', 'security', 'git'],
    path: ['mounts'],
    broken: ({ workspace, protectedPaths = [], mounts = {} }) =>
      workspace !== undefined &&
      protectedPaths.length > 0 &&
      Object.values(mounts).some(({ host, readonly }) => !readonly && overlap(host, workspace)),
    message: 'a mount shows the workspace, or what it is in, a second time: protected paths could be written there',
    hint: 'Leave it out, or make it readonly = true.',
  },
];

/** Where nothing may be mounted, and nothing below. */
const occupied = ['/workspace', '/dev', '/proc', '/sys'];

function isOccupied(path: string, workspace: string): boolean {
  return path === '/' || [workspace, ...occupied].some((each) => isAtOrBelow(path, each)) || isBelow(workspace, path);
}

/** Whether one of two directories holds the other, so that what is written in one place shows in the other. */
function overlap(a: string, b: string): boolean {
  return isAtOrBelow(a, b) || isAtOrBelow(b, a);
}

function isBelow(path: string, other: string): boolean {
  return path.startsWith(`${other}/`);
}

/** What the rules are asked about. */
export interface RuleInput {
  readonly name: string;
  readonly sandbox: Sandbox;
  /** Top-level keys of the table that hold problems of their own. */
  readonly wrong: ReadonlySet<string>;
  /** The place of a key of the table, counted from the table. */
  readonly positionOf: (path: KeyPath) => Position;
}

/** Impossible combinations in one resolved sandbox, as problems `spec.combination`. */
export function checkRules({ name, sandbox, wrong, positionOf }: RuleInput): Problem[] {
  return brokenRules(name, sandbox, wrong).map(
    ({ path, message, hint }) =>
      new Problem({
        code: 'spec.combination',
        message: `sandbox.${name}: ${message}`,
        hint,
        position: positionOf(path),
      }),
  );
}

/** The same for a sandbox that stands in no file. */
export function checkAsked(name: string, sandbox: Sandbox): Problem[] {
  return brokenRules(name, sandbox, new Set()).map(
    ({ message, hint }) => new Problem({ code: 'spec.combination', message, hint }),
  );
}

function brokenRules(name: string, sandbox: Sandbox, wrong: ReadonlySet<string>): readonly Rule[] {
  return rules.filter(({ reads, broken }) => !reads.some((key) => wrong.has(key)) && broken(sandbox, name));
}

function words(text: string): string {
  return text.trim().split(/\s+/).join(' ');
}
