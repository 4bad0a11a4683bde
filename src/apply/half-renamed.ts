import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { IncusError } from '../host/incus/errors.ts';
import type { Instance } from '../host/incus/instance.ts';
import type { Task } from './hands.ts';
import { volumePath } from './volume-path.ts';

/** A rename that Incus refuses. */
export interface HalfRenamed {
  readonly task: Task;
  readonly instance: Instance;
  /** New name. */
  readonly name: string;
}

/**
 * Completes a rename that incusd died in after the volume had its new name and before the instance had it. Incus 6.0 then
 * finds no volume for the instance: it can neither rename nor start it, and deleting it would leave the volume for good.
 *
 * @returns whether that was so, and it has the new name now
 */
export async function completeRename(error: unknown, { task, instance, name }: HalfRenamed): Promise<boolean> {
  if (!(error instanceof IncusError) || error.code !== 'incus.volume-lost') return false;
  const { hands, signal } = task;
  const { storagePool, path: before } = volumePath(hands.incus, instance);
  if (!(await hands.incus.storage.hasInstanceVolume(storagePool, name, { signal }))) return false;
  const { path: after } = volumePath(hands.incus, { ...instance, name });
  // Else Incus had come so far already; or, with drivers that have no directories, there is nothing to move.
  if (existsSync(before) && !existsSync(after)) await rename(before, after);
  await hands.incus.instances.completeRename(instance, name, { signal });
  return true;
}
