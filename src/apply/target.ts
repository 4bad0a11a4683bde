import { Problem } from '../base/problem.ts';
import { IncusError } from '../host/incus/errors.ts';
import type { StartedOperation } from '../host/incus/operation.ts';
import type { Instance } from '../host/incus/instance.ts';
import type { SeenInstance } from '../observe/instances.ts';
import { parseStamp } from '../plan/stamp.ts';
import type { Step } from '../plan/step.ts';
import type { Task } from './hands.ts';

/** The instance a step is about, as it is right now. */
export interface Target {
  readonly instance: Instance;
  /** For compare-and-swap. */
  readonly etag: string;
}

/**
 * A fresh look at the instance that a step is about to change.
 *
 * @throws {Problem} `step.other-instance` when another instance has that name by now, with retry `conflict`
 * @throws {IncusError} `gone` when there is none
 */
export async function findTarget({ step, hands, signal }: Task): Promise<Target> {
  const { value, etag } = await hands.incus.instances.get(step.instance, { signal });
  const uid = parseStamp(value.config)?.uid;
  if (uid !== undefined && uid === step.precondition.uid) return standing(hands, uid, { instance: value, etag });
  throw new Problem({
    code: 'step.other-instance',
    message: `Instance "${step.instance}" is another one than a moment ago`,
    retry: 'conflict',
  });
}

/**
 * The instance as the look saw it on which the step was decided: enough for a compare-and-swap, which fails when it is
 * another one by now. Asks anew where that look was a list, which has no version.
 *
 * @throws as {@link findTarget}
 */
export async function seenTarget(task: Task): Promise<Target> {
  const { step, hands } = task;
  const seen = hands.instances.get(step.instance);
  if (!isMeant(seen, step) || !seen.etag) return findTarget(task);
  return standing(hands, seen.owner.stamp.uid, { instance: seen.instance, etag: seen.etag });
}

async function standing({ trees }: Task['hands'], uid: string, target: Target): Promise<Target> {
  await trees.stand(
    uid,
    Object.values(target.instance.devices).flatMap(({ source }) => source ?? []),
  );
  return target;
}

type Owned = SeenInstance & { readonly owner: { readonly kind: 'owned' } };

/** Whether what was seen is the instance that a step was decided for, and not another one of its name. */
export function isMeant(seen: SeenInstance | undefined, { precondition }: Step): seen is Owned {
  return seen?.owner.kind === 'owned' && seen.owner.stamp.uid === precondition.uid;
}

/** Unpacking a large image on a slow disk takes minutes; the signal ends it earlier. */
const longestOperationMs = 900_000;

/** Wait for an Incus operation; that things are so already is success. */
export async function finish({ hands, signal }: Task, begin: () => Promise<StartedOperation>): Promise<void> {
  try {
    await hands.incus.operations.finish(await begin(), { signal, timeoutMs: longestOperationMs });
  } catch (error) {
    if (error instanceof IncusError && error.class === 'already') return;
    throw error;
  }
}
