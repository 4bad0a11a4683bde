import type { ControlApi } from '../controller/control-api.ts';
import type { ApplyOptions } from './apply.ts';
import { StalePlan } from './failure.ts';
import { Problem } from '../base/problem.ts';
import { readPlanFile } from './plan-file.ts';
import { hasChanges, isHeld } from './render-plan.ts';
import type { Call } from './verb.ts';

/**
 * Make sure that a saved plan is still what would happen.
 *
 * @throws {Problem} `cli.stale-plan` when it is not; names what differs
 * @throws {Problem} `guard.held` when it deletes what the guard holds and nobody confirmed that
 */
export async function checkPlan(api: ControlApi, { options }: Call, path: string): Promise<void> {
  const saved = await readPlanFile(path);
  const current = await api.plan(saved.names ? { names: saved.names } : {});
  const before = new Map(saved.plans.map(({ name, fingerprint }) => [name, fingerprint]));
  const now = new Map(current.map(({ name, fingerprint }) => [name, fingerprint]));
  const changed = current.filter(
    (plan) => before.get(plan.name) !== plan.fingerprint && (before.has(plan.name) || hasChanges(plan)),
  );
  const gone = saved.plans.filter(({ name }) => !now.has(name));
  const stale = [...changed, ...gone].map(({ name }) => name).toSorted();
  if (stale.length > 0) throw stalePlan(stale);
  const held = current.filter(isHeld).length;
  if (held > 0 && (options as ApplyOptions).confirmDeletes === undefined) throw heldBack(held);
}

function stalePlan(names: readonly string[]): StalePlan {
  return new StalePlan({
    code: 'cli.stale-plan',
    message: `The plan is out of date for ${names.join(', ')}; nothing was done`,
    hint: 'Make a new one and look at it: coi plan -o FILE',
  });
}

function heldBack(count: number): Problem {
  return new Problem({
    code: 'guard.held',
    message: `The plan deletes more at once than the guard lets pass (${count}); nothing was done`,
    hint: `If that is meant: add --confirm-deletes ${count}`,
  });
}
