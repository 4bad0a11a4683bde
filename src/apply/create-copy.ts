import { isDeepStrictEqual } from 'node:util';
import type { CreateBody } from '../plan/render-instance.ts';
import { stampPrefix } from '../plan/stamp.ts';
import type { Origin } from '../spec/sandbox.ts';
import type { Task } from './hands.ts';
import { makeHostKeys, ownIdentity } from './own-identity.ts';
import { finish } from './target.ts';

/**
 * What a copy keeps of what it was copied from: what Incus itself notes, and what it notes of the image. Not that templates
 * of the image are to be written into it: Incus does that as root of the host, and older versions follow links there, which
 * whoever was root in the original may have laid.
 */
const keptKeys = /^(?:volatile\.(?!apply_template$)|image\.)/;

/**
 * Create an instance as a copy of what another one was, and start it where it is to run: only once it has a configuration and
 * an identity of its own, for until then it is the original.
 */
export async function createCopy(task: Task, body: CreateBody, origin: Origin): Promise<void> {
  const { instances } = task.hands.incus;
  const { signal } = task;
  const config = { ...emptyStamp(task, origin), ...body.config };
  await finish(task, () => instances.create({ ...body, config, start: false }, { signal }));
  await ownConfig(task, body);
  const lacksHostKeys = await ownIdentity(task, { instance: body.name, original: origin.instance });
  if (!body.start) return;
  await finish(task, () => instances.setState(body.name, 'start', { signal }));
  if (lacksHostKeys) await makeHostKeys(task, body.name);
}

/** Empty, so that nothing which the stamp of the original says is ever said of the copy, not even where a crash leaves it half-made. */
function emptyStamp({ hands }: Task, { instance }: Origin): Record<string, string> {
  const config = hands.instances.get(instance)?.instance.config ?? {};
  const keys = Object.keys(config).filter((key) => key.startsWith(stampPrefix));
  return Object.fromEntries(keys.map((key) => [key, '']));
}

/**
 * Incus lays the request over the configuration and the devices of the original, see its function createFromCopy: what the
 * request does not name is the original's still.
 */
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
