import { Problem } from '../base/problem.ts';
import type { Incus } from '../host/incus/client.ts';
import { isIncusError } from '../host/incus/errors.ts';
import type { Instance } from '../host/incus/instance.ts';
import { classify } from '../observe/owned.ts';
import { instanceName } from '../spec/schema/formats.ts';

/** The instance of exactly this name, whoever owns it; undefined when there is none, or could be none. */
export async function findInstance(incus: Incus, name: string, signal: AbortSignal): Promise<Instance | undefined> {
  if (!instanceName.safeParse(name).success) return undefined;
  try {
    return (await incus.instances.get(name, { signal })).value;
  } catch (error) {
    // Not being there is an answer to this question.
    if (isIncusError(error, 'gone')) return undefined;
    throw error;
  }
}

/**
 * The instance of this name, or that of the sandbox with this name.
 *
 * @throws {Problem} `container.none`
 */
export async function requireInstance(incus: Incus, name: string, signal: AbortSignal): Promise<Instance> {
  const found = (await findInstance(incus, name, signal)) ?? (await findBySandbox(incus, name, signal));
  if (found) return found;
  throw new Problem({
    code: 'container.none',
    message: `There is no container ${JSON.stringify(name.slice(0, 80))}`,
    hint: 'See them with: coi container list',
  });
}

async function findBySandbox(incus: Incus, name: string, signal: AbortSignal): Promise<Instance | undefined> {
  return (await incus.instances.list({ signal })).find((instance) => sandboxOf(instance) === name);
}

/** Name of the sandbox whose instance it is; undefined for one that is not coi's, or is being deleted. */
export function sandboxOf(instance: Instance): string | undefined {
  const owner = classify(instance);
  return owner.kind === 'owned' && !owner.isTombstone ? owner.stamp.name : undefined;
}

/**
 * Name of the sandbox whose instance it is.
 *
 * @param instead what is to be typed after `incus` for one that is not coi's
 * @throws {Problem} `container.foreign`
 */
export function requireOwn(instance: Instance, instead: string): string {
  const owner = classify(instance);
  if (owner.kind === 'owned' && !owner.isTombstone) return owner.stamp.name;
  const { name, project } = instance;
  const isLeaving = owner.kind === 'owned';
  throw new Problem({
    code: 'container.foreign',
    message: isLeaving ? `"${name}" is being deleted` : `"${name}" is not a container of coi, which leaves it alone`,
    hint: isLeaving
      ? 'What is in the way: coi status'
      : `Do it with: incus${project === 'default' ? '' : ` --project ${project}`} ${instead}`,
  });
}

/** @throws {Problem} `container.not-running` */
export function requireRunning(instance: Instance): void {
  const { name, state } = instance;
  if (state === 'running') return;
  const isOwn = sandboxOf(instance) !== undefined;
  const start = isOwn ? `coi container start ${name}` : `incus start ${name}`;
  throw new Problem({
    code: 'container.not-running',
    message: `${name} is not running, but ${state}`,
    hint: state === 'frozen' ? `Let it go on: ${isOwn ? `coi resume ${name}` : start}` : `Start it: ${start}`,
  });
}
