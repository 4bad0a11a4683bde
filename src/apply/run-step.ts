import { Problem } from '../base/problem.ts';
import { IncusError } from '../host/incus/errors.ts';
import { tombstoneName } from '../plan/stamp.ts';
import type { Action } from '../plan/step.ts';
import { putBack } from './put-back.ts';
import { startAgent } from './start-agent.ts';
import { create, reserve } from './create.ts';
import type { Hands, Task } from './hands.ts';
import { removeLostSnapshots } from './lost-snapshots.ts';
import { power, tombstone } from './power.ts';
import { loadPolicy } from './rules.ts';
import { save } from './save.ts';
import { findTarget, finish, isMeant } from './target.ts';
import { removeUnmadeVolume } from './unmade-volume.ts';
import { restamp, stamp, unprotect, update } from './update.ts';
import { watchOf } from '../plan/watched-flows.ts';

/**
 * Carry out one step. It does what its action says and nothing else; whether that was enough is for the next look to say.
 *
 * @throws {Problem} what did not work; its `retry` says whether to look again, wait or give up
 */
export async function runStep(task: Task): Promise<void> {
  const { action } = task.step;
  await runners[action.kind](task, action as never);
}

type Runners = {
  readonly [Kind in Action['kind']]: (task: Task, action: Extract<Action, { kind: Kind }>) => Promise<void>;
};

const runners: Runners = {
  reserve,
  create,
  power,
  stamp,
  restamp,
  update,
  unprotect,
  agent: startAgent,
  restore: async (task, action) => void (await putBack(task, action)),
  save,
  rules: ({ hands }, { uid, endpoint, network, ...rest }) =>
    loadPolicy(hands, { uid, endpoint, rules: network, ...watchOf(rest) }),
  tombstone: (task) => tombstone(task, tombstoneName(task.step.precondition.uid ?? '')),
  delete: deleteInstance,
  release: ({ hands }, { uid }) => letGo(hands, uid),
  expire: ({ hands, sandbox }, { hash, reason }) =>
    hands.setOverride(sandbox, {
      kind: 'expired',
      state: 'absent',
      reason,
      by: 'controller',
      at: hands.clock.now(),
      hash,
    }),
  uncover: ({ hands, step, signal }) => hands.trees.remove(step.precondition.uid ?? '', signal),
  quarantine: ({ hands, sandbox }, { reason }) =>
    hands.setOverride(sandbox, {
      kind: 'quarantine',
      state: 'frozen',
      reason,
      by: 'controller',
      at: hands.clock.now(),
    }),
};

async function deleteInstance(task: Task): Promise<void> {
  const { hands, step, signal } = task;
  try {
    await findTarget(task);
    await deleteWithVolume(task);
  } catch (error) {
    // Somebody was quicker: what was wanted is so.
    if (!(error instanceof IncusError) || error.class !== 'gone') throw error;
  }
  const left = await hands.instances.refresh(step.instance, signal);
  if (isMeant(left, step)) throw stillThere(step.instance);
  // With the instance goes the last that tells whose the rules are. A crash before this line leaves rules without an owner,
  // which the host's network pass removes.
  await letGo(task.hands, step.precondition.uid ?? '');
}

function stillThere(instance: string): Problem {
  return new Problem({
    code: 'step.still-there',
    message: `Instance "${instance}" was said to be gone, and is there`,
    retry: 'conflict',
  });
}

async function deleteWithVolume(task: Task): Promise<void> {
  const { hands, step, signal } = task;
  const remove = () => finish(task, () => hands.incus.instances.delete(step.instance, { signal }));
  try {
    await remove();
  } catch (error) {
    const isMended = (await removeUnmadeVolume(error, step.instance)) || (await removeLostSnapshots(error, task));
    if (!isMended) throw error;
    await remove();
  }
}

async function letGo(hands: Hands, uid: string): Promise<void> {
  await hands.trees.forget(uid, hands.lifetime);
  // First of all: whoever gets its address next must not find what it could reach.
  await hands.names.forget(uid);
  hands.reservations.release(uid);
  hands.agents.forget(uid);
  await hands.firewall.remove([uid]);
}
