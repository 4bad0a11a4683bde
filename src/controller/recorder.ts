import type { Audit } from '../audit/open-audit.ts';
import type { AuditEntry } from '../audit/record.ts';
import type { Log } from '../log/open-log.ts';
import type { Metrics } from '../metrics/open-metrics.ts';
import type { Problem } from '../base/problem.ts';
import type { Journal, JournalEntry, StepOutcome } from './journal.ts';
import type { Listeners } from './controller.ts';
import type { ImageBuildEvent } from './reconcile-image.ts';
import type { QueueItem, QueueResult } from './queue.ts';
import type { SandboxRecord, Transition } from './sandboxes.ts';

export interface RecorderInit {
  readonly audit: Audit;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly recordOf: (sandbox: string) => SandboxRecord | undefined;
}

const controllerNames = ['sandbox', 'image', 'source', 'host'] as const;

/** Writes down what the loop does: audit log for the record, metrics for the figures, log for people who watch. */
export class Recorder implements Journal, Listeners {
  readonly #init: RecorderInit;
  /** When each sandbox was first seen without ever having been Ready, milliseconds since 1970. */
  readonly #firstSeen = new Map<string, number>();

  constructor(init: RecorderInit) {
    this.#init = init;
  }

  async began(entry: JournalEntry): Promise<void> {
    const record = auditEntry(entry, 'started');
    if (entry.step.risk === 'destructive') await this.#init.audit.appendDurable(record);
    else this.#init.audit.append(record);
  }

  ended(entry: JournalEntry, outcome: StepOutcome, durationMs: number): void {
    const { audit, metrics, log } = this.#init;
    const { sandbox, step } = entry;
    const fields = {
      sandbox,
      step: step.action.kind,
      durationMs: Math.round(durationMs),
      reconcileId: entry.reconcileId,
    };
    const result = outcome.kind === 'failed' && outcome.problem.retry === 'conflict' ? 'conflict' : outcome.kind;
    metrics.steps.observe({ kind: step.action.kind, outcome: result, seconds: durationMs / 1_000 });
    if (step.action.kind === 'delete') metrics.prune.removed('sandbox', outcome.kind);
    if (outcome.kind === 'succeeded') log.info(fields, 'Step done');
    else log.warn({ ...fields, problem: outcome.problem }, 'Step failed');
    const errorClass = outcome.kind === 'failed' ? { errorClass: outcome.problem.code } : {};
    audit.append({ ...auditEntry(entry, outcome.kind), durationMs: Math.round(durationMs), ...errorClass });
  }

  bug(key: string, error: unknown): void {
    this.#init.metrics.bug();
    this.#init.log.error({ key, err: error }, 'A defect of coi');
  }

  onTransition({ name, condition }: Transition): void {
    const { log, metrics } = this.#init;
    const { type, status, reason, message } = condition;
    log.info({ sandbox: name, condition: type, status, reason, message }, 'Condition changed');
    if (type === 'Ready') this.#readyChanged(name, status === 'True', condition.since);
    if (type === 'Drifted' && status === 'True') metrics.drift.detected(this.#init.recordOf(name)?.plan.drift ?? []);
    if (type === 'Drifted' && status === 'False') metrics.drift.repaired(0);
    if (type === 'Pruning' && status === 'False') metrics.prune.blocked(reason);
  }

  #readyChanged(name: string, isReady: boolean, since: number): void {
    const { metrics } = this.#init;
    const begun = this.#firstSeen.get(name);
    if (!isReady) {
      if (begun === undefined) this.#firstSeen.set(name, since);
      return;
    }
    if (begun === undefined) return;
    const record = this.#init.recordOf(name);
    const seconds = (since - begun) / 1_000;
    if (record?.world.instance?.stamp.generation === 1) metrics.sandboxes.firstReady(seconds);
    metrics.sandboxes.converged(seconds);
    this.#firstSeen.delete(name);
  }

  onDone({ key, waitedMs }: QueueItem, result: QueueResult, workedMs: number): void {
    const { metrics } = this.#init;
    const room = key.slice(0, key.indexOf('/'));
    const controller = controllerNames.find((each) => each === room);
    if (controller) metrics.visits.observe({ controller, result: result.kind, seconds: workedMs / 1_000 });
    metrics.queue.taken(waitedMs / 1_000);
    metrics.queue.done(workedMs / 1_000);
  }

  onNetwork({ rules, policies, settings, drifted }: Parameters<Listeners['onNetwork']>[0]): void {
    const { metrics, log } = this.#init;
    const changed = rules.reloaded || rules.added + rules.removed > 0;
    for (const layer of drifted) metrics.network.drifted(layer);
    if (!changed && policies + settings === 0) return;
    log.info({ rules: { ...rules, reasons: rules.reasons.slice(0, 5) }, policies, settings }, 'Network put right');
  }

  onOrphans(removed: readonly string[]): void {
    for (const link of removed) {
      this.#init.metrics.prune.removed('link', 'succeeded');
      this.#init.log.info({ link }, 'Orphaned link removed');
    }
  }

  onImageBuild({ manifest, phase, why, tookMs, problem }: ImageBuildEvent): void {
    const { audit, metrics, log } = this.#init;
    const { name, source, position, hash } = manifest;
    const isOver = phase !== 'started';
    if (isOver) metrics.images.built({ outcome: phase, seconds: (tookMs ?? 0) / 1_000 });
    if (problem) log.warn({ image: name, problem }, 'Image not built');
    else
      log.info(
        { image: name, why, ...(isOver && { durationMs: tookMs }) },
        isOver ? 'Image built' : 'Building an image',
      );
    audit.append({
      key: `image/${name}`,
      kind: 'build',
      phase,
      why,
      actor: 'controller',
      source: { id: source, file: position.file },
      specHash: { after: hash },
      ...(tookMs !== undefined && { durationMs: tookMs }),
      ...(problem && { errorClass: problem.code }),
    });
  }

  onImageLine(image: string, said: string): void {
    this.#init.log.info({ image, said }, 'Image');
  }

  onImageBug(image: string, error: unknown): void {
    this.bug(`image/${image}`, error);
  }

  onProblem(key: string, problem: Problem): void {
    this.#init.log.warn({ key, problem }, 'Cannot look after a key');
  }
}

function auditEntry({ sandbox, step, world, reconcileId }: JournalEntry, phase: AuditEntry['phase']): AuditEntry {
  const { desired, instance } = world;
  const manifest = desired.kind === 'declared' ? desired.manifest : undefined;
  return {
    reconcileId,
    key: `sandbox/${sandbox}`,
    kind: step.action.kind === 'power' ? step.action.to : step.action.kind,
    phase,
    why: step.why,
    actor: 'controller',
    ...(step.precondition.uid !== undefined && { uid: step.precondition.uid }),
    ...(instance && { generation: instance.stamp.generation }),
    ...(manifest && { source: { id: manifest.source, file: manifest.position.file } }),
    specHash: { ...(instance && { before: instance.stamp.hash }), ...(manifest && { after: manifest.hash }) },
    ...(step.patch.length > 0 && { patch: step.patch }),
  };
}
