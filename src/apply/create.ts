import { hostDirectories } from '../plan/host-directories.ts';
import { createBody } from '../plan/render-instance.ts';
import type { Action } from '../plan/step.ts';
import { watchOf } from '../plan/watched-flows.ts';
import { createCopy } from './create-copy.ts';
import { fitNewUser, fitUser } from './fit-user.ts';
import type { Task } from './hands.ts';
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
  { network, watched }: Extract<Action, { kind: 'reserve' }>,
): Promise<void> {
  const { bridge, reservations, instances } = hands;
  signal.throwIfAborted();
  // Others on a shared bridge have addresses that no instance here has set aside.
  const leases = bridge.shared ? await hands.incus.networks.leases(bridge.name, { signal }) : [];
  const taken = [...instances.addresses(), ...leases];
  const { uid, endpoint } = reservations.reserve(sandbox, { bridge, taken, network, ...watchOf({ watched }) });
  const policy = { uid, endpoint, rules: network, ...watchOf({ watched }) };
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
 * Create an instance, and start it where it is to run: in the same request, unless it is a copy or sees directories of the
 * host, which are mounted while its files are unpacked. The body carries stamp and intent, so whatever a crash leaves behind
 * can be recognised: what was created and not started is a wreck.
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
  // Incus refuses devices without them, and may look while their mounts are made.
  await hands.trees.makeEmpty(directories);
  const isMounted = directories.covered !== undefined || directories.shown.length > 0;
  const { origin, codeUser } = manifest.sandbox;
  const make = (alsoStart: boolean) => {
    const body = createBody(manifest, view, { stamp, start: alsoStart });
    if (origin) return createCopy(task, body, origin);
    return finish(task, () => hands.incus.instances.create(body, { signal }));
  };
  // It starts on what is mounted by then: later would be too late.
  if (start && isMounted && !origin) {
    await bothOf(make(false), hands.trees.prepare(directories, signal));
    await finish(task, () => hands.incus.instances.setState(manifest.instance, 'start', { signal }));
  } else {
    if (start && isMounted) await hands.trees.prepare(directories, signal);
    await make(start);
  }
  hands.reservations.markCreated(reservation.uid);
  // The files of a copy are not those of its image any more.
  if (start) await (origin ? fitUser : fitNewUser)(task, codeUser);
}

/** Ends when both have, also where one of them fails: nothing goes on behind the back of the next step. */
async function bothOf(...works: readonly Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
