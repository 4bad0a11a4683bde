import { isDeepStrictEqual } from 'node:util';
import type { CreateBody } from '../plan/render-instance.ts';
import type { Origin } from '../spec/sandbox.ts';
import type { Task } from './hands.ts';
import { ownIdentity } from './own-identity.ts';
import { finish } from './target.ts';

/**
 * What a copy keeps of what it was copied from: what Incus itself notes, and what it notes of the image. Not that templates
 * of the image are to be written into it: Incus does that as root of the host, and older versions follow links there, which
 * whoever was root in the original may have laid.
 */
const keptKeys = /^(?:volatile\.(?!apply_template$)|image\.)/;

/**
 * Take from a copy what it has of the one it was copied from, before it starts for the first time. Incus lays the request
 * over the configuration and the devices of the original, see its function createFromCopy: what the request does not name
 * is the original's still, its stamp included.
 *
 * @returns whether SSH host keys are to be made for it once it runs
 */
export async function becomeOwn(task: Task, body: CreateBody, { instance: original }: Origin): Promise<boolean> {
  await ownConfig(task, body);
  return ownIdentity(task, { instance: body.name, original });
}

async function ownConfig(task: Task, { name, config: wanted, devices, profiles }: CreateBody): Promise<void> {
  const { hands, signal } = task;
  const { instances } = hands.incus;
  const { value: copy, etag } = await instances.get(name, { signal });
  const kept = Object.entries(copy.config).filter(([key]) => keptKeys.test(key));
  const config = Object.fromEntries([...kept, ...Object.entries(wanted)].filter(([, value]) => value !== ''));
  if (isDeepStrictEqual([copy.config, copy.devices, copy.profiles], [config, devices, profiles])) return;
  const { architecture, ephemeral, description } = copy;
  const content = { config, devices, profiles, architecture, ephemeral, description };
  await finish(task, () => instances.replace(name, content, { etag, signal }));
}
