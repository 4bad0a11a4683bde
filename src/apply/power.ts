import { Problem } from '../base/problem.ts';
import { endAllButInit } from '../host/cgroup/end-frozen.ts';
import { isGroupFrozen } from '../host/cgroup/freezer.ts';
import { IncusError } from '../host/incus/errors.ts';
import { processAt } from '../host/process/container-process.ts';
import { renderStamp } from '../plan/stamp.ts';
import type { Action } from '../plan/step.ts';
import { fitUser } from './fit-user.ts';
import { completeRename } from './half-renamed.ts';
import type { Task } from './hands.ts';
import { finish, findTarget, type Target } from './target.ts';

/** Seconds that what runs inside gets to stop by itself before the plug is pulled. */
const gracefulStopS = 10;

/** Start, stop, freeze or thaw. Being so already is success. */
export async function power(task: Task, action: Extract<Action, { kind: 'power' }>): Promise<void> {
  const { to, directories, user } = action;
  const target = await findTarget(task);
  const { hands, step, signal } = task;
  const uid = step.precondition.uid ?? '';
  if (to === 'start') await hands.names.prepareAgain(uid, signal);
  if (directories) await hands.trees.prepare({ uid, ...directories }, signal);
  if (to !== 'stop') {
    if (to === 'start') await noteStart(task);
    await change(task, to, {});
    if (user) await fitUser(task, user);
    return;
  }
  await stop(task, target, action);
  await hands.trees.remove(uid, signal);
}

/** From now on its run counts. */
async function noteStart({ hands, step, signal }: Task): Promise<void> {
  const config = renderStamp({ started: hands.clock.now() });
  await hands.incus.instances.patch(step.instance, { config }, { signal });
}

async function stop(
  task: Task,
  { instance }: Target,
  { force, graceS = gracefulStopS }: Extract<Action, { kind: 'power' }>,
): Promise<void> {
  // What is frozen cannot answer a request to stop.
  if (force || graceS === 0 || instance.state !== 'running') return pullPlug(task);
  try {
    await change(task, 'stop', { timeoutS: graceS });
  } catch (error) {
    // It did not stop by itself in time. Losing the connection says nothing about that and is passed on.
    if (!(error instanceof IncusError) || error.code !== 'incus.stop-timeout') throw error;
    await change(task, 'stop', { force: true });
  }
}

/**
 * Incus ends init first and thaws then: what is frozen would go on for as long as that takes. What a rule froze is frozen
 * in the kernel, and Incus may not know of it.
 */
async function pullPlug(task: Task): Promise<void> {
  const { hands, step, signal } = task;
  const { pid } = await hands.incus.instances.state(step.instance, { signal });
  const init = pid > 0 ? processAt(pid) : undefined;
  if (init && isGroupFrozen(init)) await endAllButInit(init, signal);
  await change(task, 'stop', { force: true });
}

function change(
  task: Task,
  to: 'start' | 'stop' | 'freeze' | 'unfreeze',
  options: { force?: boolean; timeoutS?: number },
): Promise<void> {
  const { hands, step, signal } = task;
  return finish(task, () => hands.incus.instances.setState(step.instance, to, { ...options, signal }));
}

/** Give an instance its tombstone name. Rename knows no compare-and-swap, so who was renamed is checked afterwards. */
export async function tombstone(task: Task, name: string): Promise<void> {
  const { hands, step, signal } = task;
  const { instance } = await findTarget(task);
  try {
    await finish(task, () => hands.incus.instances.rename(step.instance, name, { signal }));
  } catch (error) {
    if (!(await completeRename(error, { task, instance, name }))) throw error;
  }
  await Promise.all([step.instance, name].map((each) => hands.instances.refresh(each, signal)));
  try {
    await findTarget({ ...task, step: { ...step, instance: name } });
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'step.other-instance') throw error;
    await finish(task, () => hands.incus.instances.rename(name, step.instance, { signal }));
    throw error;
  }
}
