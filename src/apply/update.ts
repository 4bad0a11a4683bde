import jsonpatch, { type Operation } from 'fast-json-patch';
import { Problem } from '../base/problem.ts';
import { renderStamp, type Stamp } from '../plan/stamp.ts';
import type { HostDirectories } from '../plan/host-directories.ts';
import type { Action } from '../plan/step.ts';
import type { Task } from './hands.ts';
import { findTarget, finish, seenTarget, type Target } from './target.ts';

/** Change stamp keys only, by compare-and-swap. */
export async function stamp(task: Task, { stamp: keys }: Extract<Action, { kind: 'stamp' }>): Promise<void> {
  const { etag } = await seenTarget(task);
  await writeStamp(task, keys, etag);
  if ('intent' in keys && keys.intent === undefined) task.hands.reservations.settle(task.sandbox);
}

function writeStamp({ hands, step, signal }: Task, keys: Partial<Stamp>, etag: string): Promise<void> {
  return hands.incus.instances.patch(step.instance, { config: renderStamp(keys) }, { etag, signal });
}

/** The stamp, and the power that Incus remembers, which it put back as well: what stands still was not halted by a reboot. */
export async function restamp(
  task: Task,
  { stamp: keys, isStopped }: Extract<Action, { kind: 'restamp' }>,
): Promise<void> {
  const { hands, step, signal } = task;
  const { etag } = await findTarget(task);
  const config = { ...renderStamp(keys), ...(isStopped && { 'volatile.last_state.power': 'STOPPED' }) };
  await hands.incus.instances.patch(step.instance, { config }, { etag, signal });
}

/** Carry out differences in configuration, devices and profiles in one write, by compare-and-swap. */
export async function update(
  task: Task,
  { operations, stamp: keys, directories }: Extract<Action, { kind: 'update' }>,
): Promise<void> {
  const target = await findTarget(task);
  const { hands, step, signal } = task;
  if (directories) await beforeDevices(task, target, directories);
  const changed = patched(target, operations);
  const config = withoutEmpty({ ...changed.config, ...renderStamp(keys) });
  const content = { ...changed, config };
  await finish(task, () => hands.incus.instances.replace(step.instance, content, { etag: target.etag, signal }));
  if (directories) await hands.trees.hide({ uid: step.precondition.uid ?? '', ...directories }, signal);
}

/** Incus refuses a device whose directory is not there, and mounts a new one at once into what runs. */
async function beforeDevices({ hands, step, signal }: Task, { instance }: Target, directories: HostDirectories) {
  const spec = { uid: step.precondition.uid ?? '', ...directories };
  await hands.trees.makeEmpty(spec);
  if (instance.state === 'running' || instance.state === 'frozen') await hands.trees.show(spec, signal);
}

type Editable = Pick<
  Target['instance'],
  'config' | 'devices' | 'profiles' | 'architecture' | 'ephemeral' | 'description'
>;

/** Operations are paths into the managed view; where its values were normalised, the patch replaces them all the same. */
function patched({ instance }: Target, operations: readonly Operation[]): Editable {
  const { config, devices, profiles, architecture, ephemeral, description } = instance;
  const document = { config, devices, profiles };
  return { ...applied(document, operations), architecture, ephemeral, description };
}

function applied<T>(document: T, operations: readonly Operation[]): T {
  try {
    return jsonpatch.applyPatch(structuredClone(document), [...operations], true, false).newDocument;
  } catch (cause) {
    throw new Problem({
      code: 'step.stale-patch',
      message: 'What was to be changed is not as it was a moment ago',
      retry: 'conflict',
      cause,
    });
  }
}

function withoutEmpty(config: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== ''));
}

/**
 * Take the deletion protection off: the last thing before a deletion. Limits go with it: Incus refuses every change of an
 * instance with a limit that the host cannot enforce, and it could never be deleted.
 */
export async function unprotect(task: Task): Promise<void> {
  const { etag, instance } = await findTarget(task);
  const limits = Object.keys(instance.config).filter((key) => key.startsWith('limits.'));
  const config = { 'security.protection.delete': '', ...Object.fromEntries(limits.map((key) => [key, ''])) };
  await task.hands.incus.instances.patch(task.step.instance, { config }, { etag, signal: task.signal });
}
