/** Names and values of configuration, all texts. */
export type Config = Readonly<Record<string, string>>;
/** Devices by name. */
export type Devices = Readonly<Record<string, Config>>;

/**
 * What an instance does, from Incus' many words for it. `changing` is any state on the way to another;
 * `unknown` is a word that this version does not know.
 */
export type InstanceState = 'running' | 'stopped' | 'frozen' | 'error' | 'changing' | 'unknown';

const stateOf: Readonly<Record<string, InstanceState>> = {
  Running: 'running',
  Ready: 'running',
  Thawed: 'running',
  Stopped: 'stopped',
  Frozen: 'frozen',
  Error: 'error',
  Starting: 'changing',
  Stopping: 'changing',
  Aborting: 'changing',
  Freezing: 'changing',
  Pending: 'changing',
  Cancelling: 'changing',
};

/** An instance as Incus lists it, without what asking each one for its state would add. */
export interface Instance {
  readonly name: string;
  readonly project: string;
  /** Incus' own word. */
  readonly status: string;
  readonly state: InstanceState;
  /** Set on the instance itself. */
  readonly config: Config;
  readonly devices: Devices;
  /** With what its profiles add; the same object as `devices` where there are none. */
  readonly expandedDevices: Devices;
  readonly profiles: readonly string[];
  readonly ephemeral: boolean;
  readonly description: string;
  readonly architecture: string;
  /** RFC 3339, as Incus writes it. */
  readonly createdAt: string;
  /** RFC 3339; the year 1970 or earlier when it never ran. */
  readonly lastUsedAt: string;
  /** Fingerprint of the image that it was made from; undefined for one made from nothing. */
  readonly imageFingerprint: string | undefined;
  /** Cluster member, or `none`. */
  readonly location: string;
  readonly type: 'container' | 'virtual-machine';
}

/**
 * Reads an instance as Incus writes it. Written by hand because lists of 1,000 pass here: it checks each value and
 * copies none.
 *
 * @throws {TypeError} naming the field that is not as documented.
 */
export function parseInstance(value: unknown): Instance {
  const raw = recordOf(value, 'instance');
  const status = textOf(raw['status'], 'status');
  const config = configOf(raw['config'], 'config');
  const devices = devicesOf(raw['devices'], 'devices');
  const profiles = textsOf(raw['profiles'], 'profiles');
  return {
    name: textOf(raw['name'], 'name'),
    project: optionalText(raw['project'], 'project', 'default'),
    status,
    state: stateOf[status] ?? 'unknown',
    config,
    devices,
    // Memory for 1,000 instances: what says the same is kept once.
    expandedDevices: profiles.length === 0 ? devices : devicesOf(raw['expanded_devices'], 'expanded_devices'),
    profiles,
    ephemeral: raw['ephemeral'] === true,
    description: optionalText(raw['description'], 'description', ''),
    architecture: optionalText(raw['architecture'], 'architecture', ''),
    createdAt: textOf(raw['created_at'], 'created_at'),
    lastUsedAt: optionalText(raw['last_used_at'], 'last_used_at', ''),
    imageFingerprint: config['volatile.base_image'] || undefined,
    location: optionalText(raw['location'], 'location', 'none'),
    type: raw['type'] === 'virtual-machine' ? 'virtual-machine' : 'container',
  };
}

/** Reads a list of instances. */
export function parseInstances(value: unknown): readonly Instance[] {
  if (!Array.isArray(value)) throw new TypeError('instances: not a list');
  return value.map(parseInstance);
}

function recordOf(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError(`${field}: not an object`);
  return value as Record<string, unknown>;
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== 'string') throw new TypeError(`${field}: not a text`);
  return value;
}

function optionalText(value: unknown, field: string, otherwise: string): string {
  return value === undefined || value === null ? otherwise : textOf(value, field);
}

function configOf(value: unknown, field: string): Config {
  if (value === undefined || value === null) return {};
  const record = recordOf(value, field);
  for (const key in record) textOf(record[key], `${field}.${key}`);
  return record as Config;
}

function devicesOf(value: unknown, field: string): Devices {
  if (value === undefined || value === null) return {};
  const record = recordOf(value, field);
  for (const key in record) configOf(record[key], `${field}.${key}`);
  return record as Devices;
}

function textsOf(value: unknown, field: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new TypeError(`${field}: not a list`);
  for (const item of value) textOf(item, field);
  return value as readonly string[];
}
