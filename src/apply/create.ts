import { hostDirectories } from '../plan/host-directories.ts';
import { createBody, type CreateBody } from '../plan/render-instance.ts';
import { stampPrefix } from '../plan/stamp.ts';
import type { Action } from '../plan/step.ts';
import type { Origin } from '../spec/sandbox.ts';
import { becomeOwn } from './become-own.ts';
import { fitUser } from './fit-user.ts';
import type { Task } from './hands.ts';
import { makeHostKeys } from './own-identity.ts';
import { loadPolicy } from './rules.ts';
import { finish } from './target.ts';

/**
 * Choose addresses for a new instance, look up what it may reach and load its rules: they are there before it can send its
 * first packet.
 *
 * @throws {Problem} `network.names` when nothing that its allowlist names can be found
 */
export async function reserve(
  { sandbox, hands, signal }: Task,
  { network }: Extract<Action, { kind: 'reserve' }>,
): Promise<void> {
  const { bridge, reservations, instances } = hands;
  signal.throwIfAborted();
  // Others on a shared bridge have addresses that no instance here has set aside.
  const leases = bridge.shared ? await hands.incus.networks.leases(bridge.name, { signal }) : [];
  const taken = [...instances.addresses(), ...leases];
  const { uid, endpoint } = reservations.reserve(sandbox, { bridge, taken, network });
  const policy = { uid, endpoint, rules: network };
  try {
    await hands.names.prepare(policy, signal);
  } catch (error) {
    // What cannot reach anything is not created: with the reservation the next look would go on to that.
    reservations.release(uid);
    await hands.names.forget(uid);
    throw error;
  }
  await loadPolicy(hands, policy);
}

/**
 * Create an instance, and start it in the same request where it is to run. The body carries stamp and intent, so whatever
 * a crash leaves behind can be recognised.
 */
export async function create(
  task: Task,
  { manifest, view, reservation, generation, start }: Extract<Action, { kind: 'create' }>,
): Promise<void> {
  const { hands, signal } = task;
  const stamp = {
    uid: reservation.uid,
    name: manifest.name,
    instance: manifest.instance,
    source: manifest.source,
    generation,
    hash: manifest.hash,
    applied: view,
    intent: { kind: 'create', at: hands.clock.now() },
    halted: false,
    ...(start && { started: hands.clock.now() }),
  } as const;
  // What an earlier attempt with this uid achieved says nothing about this one.
  hands.reservations.beginCreation(reservation.uid, manifest.instance);
  const directories = { uid: reservation.uid, ...hostDirectories(manifest.sandbox) };
  // It starts on what is mounted now: later would be too late.
  if (start) await hands.trees.prepare(directories, signal);
  else await hands.trees.makeEmpty(directories);
  const { origin } = manifest.sandbox;
  const blank = origin ? stampKeysOf(hands.instances.get(origin.instance)?.instance.config) : {};
  const own = createBody(manifest, view, { stamp, start: start && !origin });
  const body = { ...own, config: { ...blank, ...own.config } };
  await finish(task, () => hands.incus.instances.create(body, { signal }));
  if (origin) await beginOwnLife(task, body, { origin, start });
  hands.reservations.markCreated(reservation.uid);
  // In a copy it is as in the original.
  if (start && !origin) await fitUser(task, manifest.sandbox.codeUser);
}

/** Empty, what is not named itself is not taken over: nothing that the stamp of the original says may be said of a copy. */
function stampKeysOf(config: Readonly<Record<string, string>> = {}): Record<string, string> {
  const keys = Object.keys(config).filter((key) => key.startsWith(stampPrefix));
  return Object.fromEntries(keys.map((key) => [key, '']));
}

/** A copy is the original until it has got a configuration and an identity of its own: only then it may run. */
async function beginOwnLife(
  task: Task,
  body: CreateBody,
  { origin, start }: { readonly origin: Origin; readonly start: boolean },
): Promise<void> {
  const { hands, signal } = task;
  const lacksHostKeys = await becomeOwn(task, body, origin);
  if (!start) return;
  await finish(task, () => hands.incus.instances.setState(body.name, 'start', { signal }));
  if (lacksHostKeys) await makeHostKeys(task, body.name);
}
