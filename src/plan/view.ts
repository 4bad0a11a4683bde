import { parseSize } from '../base/units.ts';
import type { Policy } from '../spec/sandbox.ts';
import type { NetworkRules } from '../network/rules.ts';
import { isOpeningDevice, isOpeningKey } from './opening.ts';

/**
 * The part of an instance that coi manages, in one form for what is desired, what was applied and what is live.
 * Lists with an identity are objects keyed by it, so that one difference is one JSON Patch operation.
 */
export interface View {
  readonly image: string;
  readonly network: NetworkRules;
  /** Short hash of what the agent is started with; empty without an agent. */
  readonly agent: string;
  /** Short hash of the workspace and its protected paths; empty where nothing is protected. */
  readonly protection: string;
  readonly deletion: Policy['deletion'];
  readonly profiles: readonly string[];
  readonly config: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** An instance as Incus reports it, reduced to what planning looks at. */
export interface LiveInstance {
  readonly profiles: readonly string[];
  readonly config: Readonly<Record<string, string>>;
  readonly devices: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/**
 * The managed part of a live instance: the keys that `desired` or `applied` speak of, and whatever else opens it to the
 * host or the network. Other keys that somebody else set and that coi never did are not looked at. What Incus cannot show
 * (image alias, agent) is taken from `applied`.
 */
export function liveView(live: LiveInstance, desired: View, applied: View | undefined): View {
  const { image, network, agent, protection, deletion } = applied ?? desired;
  return {
    image,
    network,
    agent,
    protection,
    deletion,
    profiles: live.profiles,
    config: pick(live.config, [desired.config, applied?.config ?? {}], isOpeningKey),
    devices: pick(live.devices, [desired.devices, applied?.devices ?? {}], (_, device) => isOpeningDevice(device)),
  };
}

function pick<T>(
  from: Readonly<Record<string, T>>,
  keysOf: readonly object[],
  isManaged: (key: string, value: T) => boolean,
): Record<string, T> {
  const keys = new Set(keysOf.flatMap((each) => Object.keys(each)));
  return Object.fromEntries(Object.entries(from).filter(([key, value]) => keys.has(key) || isManaged(key, value)));
}

/** Bring values that Incus treats as the same into one form, so that they never count as drift. */
export function normaliseView(view: View): View {
  return {
    ...view,
    profiles: [...view.profiles].sort(),
    config: mapValues(view.config, normaliseValue),
    devices: mapValues(view.devices, (device) => mapValues(device, normaliseValue)),
  };
}

function mapValues<T, U>(record: Readonly<Record<string, T>>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function normaliseValue(value: string): string {
  if (/^(true|yes|on)$/i.test(value)) return 'true';
  if (/^(false|no|off)$/i.test(value)) return 'false';
  const bytes = /[A-Za-z]$/.test(value) ? parseSize(value) : undefined;
  return bytes === undefined ? value : String(bytes);
}
