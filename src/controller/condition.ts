import type { Problem } from '../base/problem.ts';
import { activeOverrides, type Override } from '../plan/override.ts';
import type { ActionKind, Plan } from '../plan/step.ts';
import type { World } from '../plan/world.ts';
import { timeText } from './report.ts';

export const conditionTypes = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Drifted',
  'Healthy',
  'Suspended',
  'Pruning',
  'Quarantined',
  'Protected',
] as const;
export type ConditionType = (typeof conditionTypes)[number];

/** One thing that can be said about a sandbox, in the form that Kubernetes' kstatus made common. */
export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One word from a closed list, for scripts. */
  readonly reason: string;
  readonly message: string;
  /** When `status` or `reason` last changed, milliseconds since 1970. */
  readonly since: number;
}

type Draft = Omit<Condition, 'since'>;

/** What one look at a sandbox came to. */
export interface Look {
  readonly world: World;
  readonly plan: Plan;
  /** Why the last step failed, or the look itself, when it did. */
  readonly failure?: Problem | undefined;
  /** What the step that failed was to do; undefined also when the look itself failed. */
  readonly failedStep?: ActionKind | undefined;
}

/**
 * What can be said after a look. Ready and Healthy are always there; the others describe something out of the ordinary and
 * exist only while it lasts.
 */
export function deriveConditions(look: Look): Draft[] {
  return [
    ready(look),
    healthy(look),
    ...reconciling(look),
    ...stalledCondition(look),
    ...drifted(look),
    ...held(look),
    ...pruning(look),
    ...unprotected(look),
  ];
}

/** Carry over since when a condition holds; `transitions` are those that changed, also the ones that went away. */
export function mergeConditions(before: readonly Condition[], drafts: readonly Draft[], now: number) {
  const same = (draft: Draft) =>
    before.find(
      ({ type, status, reason }) => type === draft.type && status === draft.status && reason === draft.reason,
    );
  const conditions = drafts.map((draft): Condition => ({ ...draft, since: same(draft)?.since ?? now }));
  const changed = conditions.filter((each) => !same(each));
  const gone = before.filter(({ type }) => !drafts.some((draft) => draft.type === type));
  return {
    conditions,
    transitions: [...changed, ...gone.map((old) => ({ ...old, status: 'False' as const, since: now }))],
  };
}

function ready({ world, plan, failure, failedStep }: Look): Draft {
  const type = 'Ready';
  if (failure) return { type, status: 'False', reason: failedReason(failedStep, 'Failed'), message: failure.message };
  const [step] = plan.steps;
  if (step) return { type, status: 'False', reason: progress(world, plan), message: step.why };
  if (plan.block) return { type, status: 'False', reason: 'Blocked', message: plan.block.message };
  if (world.desired.kind !== 'declared')
    return { type, status: 'False', reason: 'Deleting', message: 'It is not declared' };
  return { type, status: 'True', reason: 'InSync', message: 'It is as declared' };
}

function progress(world: World, plan: Plan): string {
  if (plan.steps.some(({ action }) => action.kind === 'create' || action.kind === 'reserve')) return 'Creating';
  return plan.steps.some(({ action }) => action.kind === 'delete') || world.desired.kind !== 'declared'
    ? 'Deleting'
    : 'Updating';
}

function healthy({ world }: Look): Draft {
  const type = 'Healthy';
  const { instance, agent } = world;
  if (!instance) return { type, status: 'Unknown', reason: 'Unknown', message: 'There is no instance' };
  if (instance.rules !== 'current') {
    return { type, status: 'False', reason: 'EgressMissing', message: 'Its network rules are not loaded' };
  }
  if (agent.kind === 'ended') {
    const again = isRestarted(world) ? `; it is started again at ${timeText(agent.restartAt)}` : '';
    const message = `Its agent ended with exit code ${agent.exitCode}${again}`;
    return { type, status: 'False', reason: 'AgentDown', message };
  }
  if (agent.kind === 'running' && agent.lack && instance.power === 'running') {
    return { type, status: 'False', ...agent.lack };
  }
  const reason = { running: 'Running', frozen: 'Frozen', stopped: 'Stopped', other: 'Unknown' }[instance.power];
  return { type, status: reason === 'Unknown' ? 'Unknown' : 'True', reason, message: `It is ${instance.power}` };
}

function isRestarted({ desired }: World): boolean {
  return desired.kind === 'declared' && desired.manifest.sandbox.restart === 'always';
}

function reconciling({ plan, failure }: Look): Draft[] {
  const type = 'Reconciling';
  const isWaiting = plan.block && !plan.block.stalled && /^(Waiting|ImageBuilding$)/.test(plan.block.reason);
  if (isWaiting && plan.block)
    return [{ type, status: 'True', reason: plan.block.reason, message: plan.block.message }];
  if (plan.steps.length === 0) return [];
  const reason = failure && failure.retry !== 'never' ? 'ProgressingWithRetry' : 'Progressing';
  return [{ type, status: 'True', reason, message: plan.steps.map(({ action }) => action.kind).join(', ') }];
}

function stalledCondition({ plan, failure, failedStep }: Look): Draft[] {
  const type = 'Stalled';
  if (failure?.retry === 'never') {
    return [{ type, status: 'True', reason: failedReason(failedStep, 'StepFailed'), message: withHint(failure) }];
  }
  if (!plan.block?.stalled) return [];
  return [{ type, status: 'True', reason: plan.block.reason, message: withHint(plan.block) }];
}

/** A session that is not saved has a reason of its own: it alone holds up a deletion that somebody may want all the same. */
function failedReason(failed: ActionKind | undefined, usual: 'Failed' | 'StepFailed'): string {
  return failed === 'save' ? 'SaveFailed' : usual;
}

function withHint({ message, hint }: { readonly message: string; readonly hint?: string | undefined }): string {
  return hint ? `${message}. ${hint}` : message;
}

function drifted({ world, plan }: Look): Draft[] {
  if (plan.drift.length === 0 || world.desired.kind !== 'declared') return [];
  const reason = world.desired.manifest.sandbox.policy.drift === 'enforce' ? 'Enforced' : 'Observed';
  return [{ type: 'Drifted', status: 'True', reason, message: `Changed by hand: ${plan.drift.join(', ')}` }];
}

function held({ world }: Look): Draft[] {
  const hash = world.desired.kind === 'declared' ? world.desired.manifest.hash : undefined;
  const active = activeOverrides(world.overrides, hash, world.now);
  const say = (kind: Override['kind'], type: ConditionType, reason: string): Draft[] => {
    const texts = active.filter((each) => each.kind === kind).map((each) => `By ${each.by}: ${each.reason}`);
    const hint = kind === 'quarantine' ? quarantineHint(world.name) : undefined;
    return texts.length === 0
      ? []
      : [{ type, status: 'True', reason, message: withHint({ message: texts.join('; '), hint }) }];
  };
  return [...say('suspend', 'Suspended', 'User'), ...say('quarantine', 'Quarantined', 'Security')];
}

function quarantineHint(name: string): string {
  return `See what it did: coi monitor audit ${name}. Let it go on: coi resume ${name}`;
}

/** Only while something is not protected that should be. */
function unprotected({ world: { protection } }: Look): Draft[] {
  const faults = protection?.faults ?? [];
  if (faults.length === 0) return [];
  const shown = faults.slice(0, 10).map(({ path, why }) => `${path}: ${why}`);
  const message = `Not protected: ${shown.join('; ')}${faults.length > 10 ? `; and ${faults.length - 10} more` : ''}`;
  return [{ type: 'Protected', status: 'False', reason: 'PathUnusable', message }];
}

function pruning({ world, plan }: Look): Draft[] {
  if (world.desired.kind === 'declared' || !(world.instance ?? world.tombstone)) return [];
  const type = 'Pruning';
  if (plan.steps.length > 0) return [{ type, status: 'True', reason: 'InProgress', message: plan.steps[0]!.why }];
  if (!plan.block) return [];
  return [{ type, status: 'False', reason: plan.block.reason, message: plan.block.message }];
}
