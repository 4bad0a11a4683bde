import { isDeepStrictEqual } from 'node:util';
import type { Hands } from '../apply/hands.ts';
import { Problem } from '../base/problem.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Config, Devices, Instance } from '../host/incus/instance.ts';
import { parseStamp, renderStamp, type Stamp } from '../plan/stamp.ts';
import { holdsState } from '../plan/session-stamp.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Owned } from './find-owned.ts';
import { isPossibleName, notStopped, unknownSnapshot } from './snapshot-problems.ts';

/** What is to be put back. */
export interface ToRestore extends Owned {
  readonly snapshot: string;
  /** What declares it. */
  readonly manifest: Manifest | undefined;
  /** Settles when it may begin. */
  readonly noted: Promise<void>;
}

const longestMs = 900_000;

/**
 * Put a stopped instance back to a snapshot, and its configuration to what it was a moment ago: Incus restores that, too, and
 * with it the limits, devices and stamp of then. A crash in between leaves what `plan/restamp.ts` puts right.
 *
 * The caller keeps everybody else off the sandbox.
 *
 * @throws {Problem} `snapshot.not-stopped`, `snapshot.unknown`
 */
export async function restore(hands: Hands, target: ToRestore, signal: AbortSignal): Promise<void> {
  const { incus, trees } = hands;
  const { instance: before, snapshot, stamp, noted } = target;
  requireStopped(target);
  const [then] = await Promise.all([devicesThen(hands, target, signal), noted]);
  // Incus looks for the sources of disks, those of then as well.
  const sources = [before.devices, then].flatMap((devices) => Object.values(devices).map(({ source }) => source ?? ''));
  await trees.stand(stamp.uid, sources);
  const options = { signal, timeoutMs: longestMs };
  await incus.operations.finish(
    await incus.snapshots.restore({ instance: before.name, snapshot }, { signal }),
    options,
  );
  const { value: after, etag } = await incus.instances.get(before.name, { signal });
  const content = contentNow({ before, after, stamp, at: hands.clock.now() });
  if (isSame(content, after)) {
    // Cheaper, and done when it answers; it can add and remove keys, but no devices.
    return incus.instances.patch(before.name, { config: changes(content.config, after.config) }, { signal, etag });
  }
  await incus.operations.finish(await incus.instances.replace(before.name, content, { signal, etag }), options);
}

async function devicesThen({ incus }: Hands, { instance, snapshot }: ToRestore, signal: AbortSignal): Promise<Devices> {
  if (!isPossibleName(snapshot)) throw unknownSnapshot(snapshot, instance.name);
  try {
    return await incus.snapshots.devices({ instance: instance.name, snapshot }, { signal });
  } catch (error) {
    throw isIncusError(error, 'gone') ? unknownSnapshot(snapshot, instance.name) : error;
  }
}

/** Whether two differ in their keys at most. */
function isSame(content: Content, after: Instance): boolean {
  const others = ({ devices, profiles, ephemeral, description }: Content | Instance) => [
    devices,
    profiles,
    ephemeral,
    description,
  ];
  return isDeepStrictEqual(others(content), others(after));
}

/** What makes keys into others, as PATCH takes it: an empty text removes one. */
function changes(wanted: Config, live: Config): Config {
  const gone = Object.keys(live).filter((key) => !Object.hasOwn(wanted, key));
  return {
    ...kept(wanted, (key) => wanted[key] !== live[key]),
    ...Object.fromEntries(gone.map((key) => [key, ''])),
  };
}

type Content = ReturnType<typeof contentNow>;

interface Restored {
  readonly before: Instance;
  readonly after: Instance;
  /** Of before. */
  readonly stamp: Stamp;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Everything as before but what belongs to the disk. */
function contentNow({ before, after, stamp, at }: Restored) {
  const { devices, profiles, architecture, ephemeral, description } = before;
  const marks: Partial<Stamp> = {
    era: after.config['volatile.uuid.generation'],
    intent: undefined,
    // Whose session the disk holds is for the disk to say.
    restored: parseStamp(after.config)?.restored,
    // What is older must not be saved over what is newer before anything ran in it.
    ...(holdsState(stamp) && { saved: at }),
  };
  const config = {
    ...kept(before.config, (key) => !isOfDisk(key)),
    ...kept(after.config, isOfDisk),
    ...renderStamp(marks),
  };
  const set = kept(config, (key) => config[key] !== '');
  return { config: set, devices, profiles, architecture, ephemeral, description };
}

/** What Incus notes about the disk itself: which ids its files have, and that it was put back. */
function isOfDisk(key: string): boolean {
  return key.startsWith('volatile.') && !key.startsWith('volatile.last_state.power');
}

function kept(config: Config, isKept: (key: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([key]) => isKept(key)));
}

function requireStopped({ instance, stamp, manifest }: ToRestore): void {
  const { name: of } = instance;
  if (instance.state !== 'stopped') {
    throw notStopped({ instance: of, name: stamp.name, state: instance.state, place: manifest?.position });
  }
  if (stamp.intent === undefined) return;
  throw new Problem({
    code: 'snapshot.not-stopped',
    message: `${of} is in the middle of a change`,
    hint: 'Try again in a moment',
    retry: 'backoff',
  });
}
