import { createHash } from 'node:crypto';
import { Problem } from '../base/problem.ts';
import type { InstanceCache } from '../observe/instances.ts';
import type { Plan } from '../plan/step.ts';
import type { View } from '../plan/view.ts';
import type { World } from '../plan/world.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { HostReport, PlanReport, SourceReport, StatusReport } from './control-api.ts';
import type { DesiredState } from './desired.ts';
import { reportImage, type ImageRecord } from './image-record.ts';
import { placeText, reportProblem, reportSandbox, reportStep, timeText } from './report.ts';
import type { Sandboxes } from './sandboxes.ts';

/** What is known after looking, by whoever looked. */
export interface Seen {
  readonly sandboxes: Sandboxes;
  readonly instances: InstanceCache;
  readonly desired: DesiredState;
  /** Absent for who looks at none. */
  readonly images?: { all(): Iterable<ImageRecord> };
}

/** The answer to `coi status` and what is made of it. `host` is what only the one who looked can say. */
export function reportStatus(seen: Seen, host: Omit<HostReport, 'unmanaged' | 'held'>): StatusReport {
  const { sandboxes, instances, desired, images } = seen;
  return {
    sandboxes: [...sandboxes.all()].map(reportSandbox).toSorted((a, b) => a.name.localeCompare(b.name)),
    sources: reportSources(desired),
    images: [...(images?.all() ?? [])].map(reportImage).toSorted((a, b) => a.name.localeCompare(b.name)),
    host: {
      ...host,
      unmanaged: [...instances.all()].flatMap(({ instance, owner }) =>
        owner.kind === 'unmanaged' ? [{ name: instance.name, why: owner.why }] : [],
      ),
      held: desired.held(),
      problems: [...host.problems, ...desired.conflicts().map(reportProblem)],
    },
  };
}

function reportSources(desired: DesiredState): SourceReport[] {
  return desired.sources().map(({ source, read, readAt, completeAt }) => ({
    id: source.id,
    kind: source.kind,
    path: source.path,
    state: read.kind,
    ...(read.kind !== 'failed' && { revision: read.revision }),
    sandboxes: read.kind === 'failed' ? 0 : read.manifests.size,
    problems: (read.kind === 'failed' ? [read.problem] : read.kind === 'partial' ? read.problems : []).map(
      reportProblem,
    ),
    read_at: timeText(readAt),
    ...(completeAt !== undefined && { complete_at: timeText(completeAt) }),
  }));
}

/** Names that somebody else declares already, or a container of another name has: what a user brings along under them is refused. */
export function takenElsewhere(desired: DesiredState, brought: readonly Manifest[], own: string): Problem[] {
  return brought.flatMap(({ name, instance, position }) => {
    const other = desired.manifests().get(name);
    if (!other || (other.source === own && other.instance === instance)) return [];
    return [
      new Problem({
        code: 'control.taken',
        message: `sandbox "${name}" is declared in ${placeText(other.position)} already`,
        hint: `Change it there, or give this one another name`,
        position,
      }),
    ];
  });
}

/** A fresh look at one sandbox, and what it came to. */
export interface Planned {
  readonly world: World;
  readonly plan: Plan;
  /** The live managed view; undefined where there is no instance. */
  readonly live: View | undefined;
  /** Where whoever looked may not see the rules. */
  readonly network?: 'unknown';
}

/** Which sandboxes to plan, and who looks at them. */
export interface PlanQuery {
  /** Asked for by name; each must be known. */
  readonly names: readonly string[] | undefined;
  /** Manifests that are planned as if they were stored already; without names, these alone. */
  readonly brought: readonly Manifest[] | undefined;
  /** Everything there is: what is meant where nothing is named. */
  readonly all: () => Iterable<string>;
  readonly look: (name: string, candidate: Manifest | undefined) => Promise<Planned>;
}

/**
 * The answer to `coi diff` and what is made of it.
 *
 * @throws {Problem} `control.unknown-name`
 */
export async function reportPlans({ names, brought, all, look }: PlanQuery): Promise<readonly PlanReport[]> {
  const candidates = new Map(brought?.map((manifest) => [manifest.name, manifest]));
  const wanted = names ?? (brought ? candidates.keys() : all());
  const reports: PlanReport[] = [];
  for (const name of [...wanted].sort()) {
    const planned = await look(name, candidates.get(name));
    if (names && !isKnown(planned.world)) throw unknownName(name);
    reports.push(reportPlan(planned));
  }
  return reports;
}

function isKnown({ desired, instance, tombstone }: World): boolean {
  return desired.kind === 'declared' || instance !== undefined || tombstone !== undefined;
}

/** Nobody declares it, and nothing of it exists. */
export function unknownName(name: string): Problem {
  return new Problem({
    code: 'control.unknown-name',
    message: `There is no sandbox "${name}"`,
    hint: 'See which there are with: coi list',
  });
}

function reportPlan({ world, plan: { name, steps, patch, block }, live, network }: Planned): PlanReport {
  return {
    name,
    steps: steps.map(reportStep),
    patch,
    ...(live && { live }),
    ...(block && { block: { reason: block.reason, message: block.message, ...(block.hint && { hint: block.hint }) } }),
    ...(network && { network }),
    fingerprint: fingerprint(world, steps.map(reportStep)),
  };
}

/** What a saved plan takes for granted: who the instance is, what was last applied, what is wanted, and the steps. */
function fingerprint({ instance, desired }: World, steps: readonly unknown[]): string {
  const hash = desired.kind === 'declared' ? desired.manifest.hash : desired.kind;
  const known = [instance?.stamp.uid, instance?.stamp.generation, instance?.power, hash, steps];
  return createHash('sha256').update(JSON.stringify(known)).digest('hex').slice(0, 16);
}
