import type { Agents } from '../apply/agents.ts';
import type { Notice } from '../host/incus/events.ts';
import type { Operation } from '../host/incus/operation.ts';
import type { ImageAliases } from '../observe/images.ts';
import type { InstanceCache } from '../observe/instances.ts';
import type { DesiredState } from './desired.ts';
import type { WorkQueue } from './queue.ts';
import type { SandboxRecord, Sandboxes } from './sandboxes.ts';

/** Keys that are not sandboxes. */
export const instancesKey = 'host/instances';
export const networkKey = 'host/network';
export const linksKey = 'host/links';

export function sandboxKey(name: string): string {
  return `sandbox/${name}`;
}

export function sourceKey(id: string): string {
  return `source/${id}`;
}

export function imageKey(name: string): string {
  return `image/${name}`;
}

/** Wait before listing everything again after an event about something unknown, so that a burst costs one list. */
const relistDelayMs = 500;

/** After these the programs inside are other ones than before. */
const ends = new Set(['instance-started', 'instance-restarted', 'instance-stopped', 'instance-shutdown']);

export interface HintInit {
  readonly queue: WorkQueue;
  readonly instances: InstanceCache;
  readonly sandboxes: Sandboxes;
  readonly agents: Agents;
  readonly images: ImageAliases;
  readonly desired: DesiredState;
  readonly project: string;
}

/** Turns what Incus tells into keys to look at. An event is never more than a reason to look. */
export function hintFrom(init: HintInit, notice: Notice): void {
  if (notice.kind === 'gap') {
    init.queue.add(instancesKey, { priority: 'command' });
    return;
  }
  if (notice.project !== init.project) return;
  if (notice.kind === 'operation') {
    hintWaiting(init, notice.operation);
    return;
  }
  if (notice.collection === 'instances') hintInstance(init, notice.name, notice.action);
  if (notice.collection === 'images') hintImages(init);
  if (notice.collection === 'networks') init.queue.add(networkKey, { priority: 'security' });
}

function hintInstance({ queue, instances, agents, desired }: HintInit, name: string, action: string): void {
  const owner = instances.get(name)?.owner;
  const sandbox = owner?.kind === 'owned' ? owner.stamp.name : desired.declaredAs(name);
  if (owner?.kind === 'owned' && ends.has(action)) agents.lost(owner.stamp.uid);
  if (sandbox === undefined) {
    queue.add(instancesKey, { priority: 'event', afterMs: relistDelayMs });
    return;
  }
  instances.doubt(name);
  queue.add(sandboxKey(sandbox), { priority: 'event' });
}

/**
 * An operation ended: whoever waits for it goes on, also whom Incus turned away as busy. For those only success counts,
 * because their own failures are told in the same way.
 */
function hintWaiting({ queue, instances, sandboxes }: HintInit, { phase, instances: names }: Operation): void {
  if (phase === 'running') return;
  for (const name of names) {
    const owner = instances.get(name)?.owner;
    if (owner?.kind !== 'owned') continue;
    const record = sandboxes.get(owner.stamp.name);
    if (wasTurnedAway(record) && phase === 'success') queue.add(sandboxKey(owner.stamp.name), { priority: 'spec' });
    else if (isWaiting(record)) queue.add(sandboxKey(owner.stamp.name));
  }
}

function wasTurnedAway(record: SandboxRecord | undefined): boolean {
  return record?.failure?.code === 'incus.busy';
}

function isWaiting(record: SandboxRecord | undefined): boolean {
  return record?.plan.block?.reason === 'WaitingOperation';
}

function hintImages({ queue, images, sandboxes, desired }: HintInit): void {
  images.forget();
  for (const name of desired.images().keys()) queue.add(imageKey(name), { priority: 'event', afterMs: relistDelayMs });
  for (const { name, plan } of sandboxes.all()) {
    if (lacksImage(plan)) queue.add(sandboxKey(name), { priority: 'spec' });
  }
}

/** Whether what is planned waits for an image. */
export function lacksImage({ block }: SandboxRecord['plan']): boolean {
  return block?.reason === 'ImageMissing' || block?.reason === 'ImageBuilding';
}
