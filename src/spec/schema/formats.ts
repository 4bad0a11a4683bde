import { z } from 'zod';
import { parseDuration } from '../../base/units.ts';
import { cronFault, timezoneFault } from '../check-schedule.ts';

const controlFault = 'Take out the control characters.';

/**
 * Text formats as patterns, so that the JSON Schema refuses what we refuse. The empty text means "none": a higher layer
 * lifts with it what a lower layer sets.
 */
const size = String.raw`[0-9]+(?:B|kB|MB|GB|TB|PB|EB|KiB|MiB|GiB|TiB|PiB|EiB)?`;

/** A duration above zero. */
export const duration = z
  .string()
  .regex(/^(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+$/)
  .refine((text) => parseDuration(text) !== 0, 'The duration is zero: make it longer or remove the key.');
export const durationOrNone = z.string().regex(/^(?:(?:[0-9]+(?:\.[0-9]+)?(?:ms|s|m|h|d))+)?$/);
export const durationAllowed = 'a duration such as "90s", "30m", "8h", "1h30m" or "2d"';

/** See Incus documentation, "Instance options", limits.cpu. */
export const cpuSet = z
  .string()
  .regex(/^(?:(?!0+$)[0-9]+(?:-[0-9]+)?(?:,[0-9]+(?:-[0-9]+)?)*)?$/)
  .refine((text) => !hasReversedRange(text), 'A range goes from the lower number to the higher one.');
/** See Incus documentation, "Instance options", limits.cpu.allowance. */
export const cpuAllowance = z.string().regex(/^(?:(?:[1-9][0-9]?|100)%|[1-9][0-9]*ms\/[1-9][0-9]*ms)?$/);
/** See Incus documentation, "Instance options", limits.memory. */
export const memorySize = z.string().regex(new RegExp(`^(?:(?:[1-9][0-9]?|100)%|${size})?$`));
export const sizeOrNone = z.string().regex(new RegExp(`^(?:${size})?$`));
/** See Incus documentation, "Disk devices", limits.read; the trailing `/s` is ours and dropped for Incus. */
export const diskRate = z.string().regex(new RegExp(`^(?:[1-9][0-9]*iops|${size}(?:/s)?)?$`));
export const priority = z.int().min(0).max(10);

/** Five fields; what they may hold is checked by the cron package, see ../check-schedule.ts. */
export const cronExpression = z
  .string()
  .regex(/^\s*\S+(?:\s+\S+){4}\s*$/)
  .refine((text) => cronFault(text) === undefined, { error: ({ input }) => cronFault(String(input)) });
export const timezone = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_+/-]*$/)
  .refine((text) => timezoneFault(text) === undefined, { error: ({ input }) => timezoneFault(String(input)) });

export const absolutePath = z
  .string()
  .regex(/^\/.*$/)
  .refine(isPrintable, controlFault);
export const homePath = z
  .string()
  .regex(/^(?:\/.*|~|~\/.*)$/)
  .refine(isPrintable, controlFault);
export const homePathAllowed = 'an absolute path, or one that begins with "~/"';

/** User names as useradd(8) takes them. */
export const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/);
/** Names of Incus projects, networks and storage pools: usable in paths and on the wire as they stand. */
export const incusName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
/** Names of devices of an instance. Those that begin with `mount-` are given to mounts that have no name. */
export const deviceName = z.string().regex(/^(?!mount-)[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
/** Names of network interfaces: IFNAMSIZ in netdevice(7) leaves 15 characters. */
export const interfaceName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/);
/** Image alias, fingerprint, or either behind a remote's name. */
export const imageName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/);
/** Names of image definitions, and of what is built from them: those of folders, and of aliases, but not of one version. */
export const imageAlias = z.string().regex(/^(?!.*-[0-9]{8}-[0-9]{6}$)[a-z0-9][a-z0-9._-]{0,62}$/);
/** Such a name, or the path of a folder. */
export const definitionPlace = z
  .string()
  .regex(/^(?:[a-z0-9][a-z0-9._-]{0,62}|\/.*|~|~\/.*)$/)
  .refine(isPrintable, controlFault);
/**
 * Names of declared sandboxes: valid in host names (RFC 1123), not like a session's `<8 hex digits>-<slot>` with or without
 * a prefix, and not like the `del-…` of an instance that is being torn down.
 */
export const declaredName = z
  .string()
  .regex(/^(?!del-)(?!(?:[a-z][a-z0-9-]*-)?[0-9a-f]{8}-[0-9]+$)[a-z0-9](?:[a-z0-9-]{0,57}[a-z0-9])?$/);
/** Names in the session source: declared ones, and the sessions' own. */
export const sessionSourceName = z.string().regex(/^(?!del-)[a-z0-9](?:[a-z0-9-]{0,57}[a-z0-9])?$/);
/** Instance names as Incus takes them: a host name label that begins with a letter. */
export const instanceName = z.string().regex(/^[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/);
/** Ids of the rules by which sandboxes are watched. */
export const ruleId = z.string().regex(/^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/);
export const profileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/);
/** Names of environment variables that every shell takes. See environ(7). */
export const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/);

function hasReversedRange(text: string): boolean {
  return text.split(',').some((part) => {
    const [from, to] = part.split('-').map(Number);
    return to !== undefined && from! > to;
  });
}

function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}
