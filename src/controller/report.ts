import { renderPosition, type Problem } from '../base/problem.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import type { NetworkPolicy } from '../network/policy.ts';
import type { Step } from '../plan/step.ts';
import type { Override } from '../plan/override.ts';
import type { SandboxRecord } from './sandboxes.ts';

/** Everything is said in one word for lists: derived from the conditions. */
export type Phase = 'Current' | 'InProgress' | 'Failed' | 'Terminating' | 'Unknown';

/** A problem as JSON output has it. */
export interface ProblemReport {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
}

/** A condition as JSON output has it. `since` is RFC 3339. */
export interface ConditionReport {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  readonly since: string;
}

/** A planned step as JSON output has it. */
export interface StepReport {
  readonly kind: string;
  /** For power steps: start, stop, freeze or unfreeze. */
  readonly to?: string;
  readonly instance: string;
  readonly why: string;
  readonly risk: string;
}

/** One sandbox as JSON output has it. Times are RFC 3339; what is not known is left out. */
export interface SandboxReport {
  readonly name: string;
  readonly instance: string;
  readonly phase: Phase;
  readonly ready: boolean;
  /** What it is doing: running, frozen, stopped, other, absent. */
  readonly state: string;
  /** What its manifest asks for. */
  readonly desired_state?: string;
  readonly message: string;
  readonly source?: string;
  readonly file?: string;
  readonly line?: number;
  readonly image?: string;
  readonly workspace?: string;
  /** Where it appears inside. */
  readonly workspace_inside?: string;
  readonly persistent?: boolean;
  /** Container that it is a copy of. */
  readonly copy_of?: string;
  /** Agent by name. */
  readonly tool?: string;
  /** User inside that owns the workspace and runs the agent. */
  readonly code_uid?: number;
  readonly code_user?: string;
  readonly network?: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly uid?: string;
  readonly generation?: number;
  readonly created_at?: string;
  readonly agent: { readonly state: string; readonly exit_code?: number; readonly restarts?: number };
  readonly conditions: readonly ConditionReport[];
  readonly steps: readonly StepReport[];
  readonly drift: readonly string[];
  readonly overrides: readonly Pick<Override, 'kind' | 'reason' | 'by'>[];
  readonly failure?: ProblemReport;
  readonly looked_at: string;
  readonly next_look_at?: string;
}

/** A problem for JSON output. */
export function reportProblem({ code, message, hint, position }: Problem): ProblemReport {
  return { code, message, ...(hint && { hint }), ...position };
}

/** A step for JSON output. */
export function reportStep({ action, instance, why, risk }: Step): StepReport {
  return { kind: action.kind, ...(action.kind === 'power' && { to: action.to }), instance, why, risk };
}

/** A sandbox for JSON output. */
export function reportSandbox(record: SandboxRecord): SandboxReport {
  const { world, plan } = record;
  const ready = record.conditions.find(({ type }) => type === 'Ready');
  const instance = world.instance ?? world.tombstone;
  return {
    name: record.name,
    instance: instance?.name ?? declaredInstance(record) ?? '',
    phase: phaseOf(record),
    ready: ready?.status === 'True',
    state: instance?.power ?? 'absent',
    message: ready?.message ?? '',
    ...declaredPart(record),
    ...instancePart(record),
    agent: agentPart(record),
    conditions: record.conditions.map(({ since, ...rest }) => ({ ...rest, since: timeText(since) })),
    steps: plan.steps.map(reportStep),
    drift: plan.drift,
    overrides: world.overrides.map(({ kind, reason, by }) => ({ kind, reason, by })),
    ...lookPart(record),
  };
}

function lookPart({ failure, plan, lookedAt }: SandboxRecord): Pick<SandboxReport, 'looked_at'> {
  return {
    ...(failure && { failure: reportProblem(failure) }),
    looked_at: timeText(lookedAt),
    ...(plan.nextLookAt !== undefined && { next_look_at: timeText(plan.nextLookAt) }),
  };
}

function agentPart({ world: { agent } }: SandboxRecord): SandboxReport['agent'] {
  if (agent.kind === 'unknown' || agent.kind === 'absent') return { state: agent.kind };
  const { kind: state, restarts = 0 } = agent;
  return { state, ...(agent.kind === 'ended' && { exit_code: agent.exitCode }), ...(restarts > 0 && { restarts }) };
}

function declaredInstance({ world }: SandboxRecord): string | undefined {
  return world.desired.kind === 'declared' ? world.desired.manifest.instance : undefined;
}

function declaredPart({ world }: SandboxRecord): Partial<SandboxReport> {
  if (world.desired.kind !== 'declared') return {};
  const { sandbox, position, source } = world.desired.manifest;
  return {
    desired_state: sandbox.state,
    source,
    file: position.file,
    line: position.line,
    image: sandbox.image,
    persistent: sandbox.persistent,
    code_uid: sandbox.codeUser.uid,
    code_user: sandbox.codeUser.name,
    network: sandbox.network.mode,
    ...(sandbox.origin && { copy_of: sandbox.origin.instance }),
    ...(sandbox.tool.name !== undefined && { tool: sandbox.tool.name }),
    ...(sandbox.workspace && { workspace: sandbox.workspace, workspace_inside: workspaceInside(sandbox) }),
  };
}

function instancePart({ world }: SandboxRecord): Partial<SandboxReport> {
  const instance = world.instance ?? world.tombstone;
  if (!instance) return {};
  const { stamp, endpoint, createdAt } = instance;
  return {
    uid: stamp.uid,
    generation: stamp.generation,
    source: stamp.source,
    created_at: timeText(createdAt),
    ...(endpoint && addresses(endpoint)),
  };
}

function addresses({ ipv4, ipv6 }: NetworkPolicy['endpoint']): Partial<SandboxReport> {
  return { ipv4, ...(ipv6 && { ipv6 }) };
}

/** The one word for a sandbox's conditions. */
export function phaseOf({ conditions, world, failure }: SandboxRecord): Phase {
  const isTrue = (type: string) => conditions.some((each) => each.type === type && each.status === 'True');
  if (failure) return 'Failed';
  if (world.desired.kind === 'missing' || world.desired.kind === 'deleted') return 'Terminating';
  if (isTrue('Stalled')) return 'Failed';
  if (isTrue('Ready')) return 'Current';
  return isTrue('Reconciling') ? 'InProgress' : 'Unknown';
}

/** RFC 3339 in UTC, to the second. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A place for people. */
export function placeText({ file, line }: { readonly file: string; readonly line: number }): string {
  return renderPosition({ file, line });
}
