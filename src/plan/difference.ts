import jsonpatch, { type Operation } from 'fast-json-patch';
import { isOpeningKey } from './opening.ts';
import { liveView, normaliseView, type LiveInstance, type View } from './view.ts';

/** How a difference can be carried out, from least to most disruptive. */
export type ChangeClass = 'in-place' | 'restart' | 'recreate';

/** One managed field that is not as desired. */
export interface Difference {
  readonly operation: Operation;
  readonly path: string;
  readonly change: ChangeClass;
  /** `update`: the manifest changed since it was last applied. `drift`: somebody else changed the instance. */
  readonly origin: 'update' | 'drift';
  /** Isolation depends on it: put right even where drift is only observed. */
  readonly security: boolean;
}

/** Fields that only a restart or a new instance can change; the longest matching prefix decides. */
const changeOf: readonly (readonly [prefix: string, change: ChangeClass])[] = [
  ['/image', 'recreate'],
  ['/devices/root/pool', 'recreate'],
  ['/devices/root/path', 'recreate'],
  ['/agent', 'restart'],
  ['/protection', 'restart'],
  ['/config/security.privileged', 'restart'],
  ['/config/security.guestapi', 'restart'],
  ['/config/security.nesting', 'restart'],
  ['/config/security.syscalls.intercept.mknod', 'restart'],
  ['/config/security.syscalls.intercept.setxattr', 'restart'],
  ['/config/linux.sysctl.net.ipv4.ip_unprivileged_port_start', 'restart'],
  ['/config/raw.lxc', 'restart'],
];

const securityPrefixes = ['/devices/eth0', '/config/security.', '/config/boot.autostart', '/profiles', '/network'];

/**
 * Three-way comparison: what is desired, what was last applied, what is live. Order of the result is stable.
 * A field that differs from what is desired is an update when the manifest changed it, drift when it was as desired before.
 */
export function differences(live: LiveInstance, desired: View, applied: View | undefined): Difference[] {
  const want = normaliseView(desired);
  const have = normaliseView(liveView(live, desired, applied));
  const before = applied ? normaliseView(applied) : undefined;
  const updated = before ? new Set(jsonpatch.compare(before, want).map(({ path }) => path)) : undefined;
  const isUpdate = (path: string) => updated === undefined || [...updated].some((changed) => overlaps(changed, path));
  const isOpening = (path: string) => opens(path, [want, ...(before ? [before] : [])]);
  return operationsBetween(have, want)
    .toSorted((a, b) => a.path.localeCompare(b.path))
    .map((operation) => ({
      operation,
      path: operation.path,
      change: classOf(operation.path),
      origin: isUpdate(operation.path) ? 'update' : 'drift',
      security: isSecurity(operation.path, want) || isOpening(operation.path),
    }));
}

/** Also what covers protected paths. */
function isSecurity(path: string, { protection }: View): boolean {
  if (protection !== '' && path.startsWith('/devices/workspace')) return true;
  return securityPrefixes.some((prefix) => path.startsWith(prefix));
}

/** Whether something was added by somebody else that is only looked at because it opens the sandbox. */
function opens(path: string, views: readonly View[]): boolean {
  const [, kind, part = ''] = path.split('/');
  const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
  if (kind === 'config') return isOpeningKey(name);
  return kind === 'devices' && !views.some(({ devices }) => Object.hasOwn(devices, name));
}

/** Profiles count by their place in a list, so their operations would depend on each other: they are replaced as a whole. */
function operationsBetween(have: View, want: View): Operation[] {
  const others = jsonpatch.compare({ ...have, profiles: [] }, { ...want, profiles: [] });
  const isSame = have.profiles.join('\n') === want.profiles.join('\n');
  return isSame ? others : [...others, { op: 'replace', path: '/profiles', value: want.profiles }];
}

function overlaps(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

function classOf(path: string): ChangeClass {
  return changeOf.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`))?.[1] ?? 'in-place';
}
