import { ulid } from 'ulid';
import type { AuditEntry } from '../../audit/record.ts';
import { Problem } from '../../base/problem.ts';
import type { CleanReport, OrphanReport, OrphansReport } from '../control-api.ts';
import { reportProblem } from '../report.ts';
import type { InUse, OrphanKind } from './orphan-kind.ts';

export interface OrphansInit {
  /** In the order in which they are removed. */
  readonly kinds: readonly OrphanKind[];
  readonly inUse: (signal: AbortSignal) => Promise<InUse>;
  readonly audit: (entry: AuditEntry) => Promise<void>;
}

interface Found {
  readonly orphans: readonly OrphanReport[];
  readonly problems: readonly Problem[];
}

/** Finds and removes what belongs to nobody: leftovers of coi, and of the original coi. */
export class Orphans {
  readonly #init: OrphansInit;

  constructor(init: OrphansInit) {
    this.#init = init;
  }

  /** Look, and change nothing. A kind that cannot be looked at is a problem, and the others are looked at all the same. */
  async find(signal: AbortSignal): Promise<OrphansReport> {
    const { orphans, problems } = await this.#find(this.#init.kinds, await this.#init.inUse(signal), signal);
    return { orphans, problems: problems.map(reportProblem) };
  }

  /** Remove those of the ids that a fresh look still finds, then look again. */
  async remove(ids: readonly string[], by: string, signal: AbortSignal): Promise<CleanReport> {
    const { inUse, kinds } = this.#init;
    const wanted = new Set(ids);
    const asked = kinds.filter(({ kind }) => ids.some((id) => isOf(kind, id)));
    const around = await inUse(signal);
    const problems: Problem[] = [];
    for (const kind of asked) {
      const failure = await attempt(kind.remove(wanted, around, signal));
      await this.#record(kind, { count: ids.filter((id) => isOf(kind.kind, id)).length, by, failure });
      if (failure) problems.push(failure);
    }
    const after = await this.#find(asked, await inUse(signal), signal);
    const left = new Set(after.orphans.map(({ id }) => id).filter((id) => wanted.has(id)));
    // What cannot be looked at is not known to be gone.
    const isUnseen = after.problems.length > 0;
    return {
      removed: isUnseen ? [] : ids.filter((id) => !left.has(id)),
      left: isUnseen ? [...ids] : [...left],
      problems: [...problems, ...after.problems].map(reportProblem),
    };
  }

  #record(
    { kind }: OrphanKind,
    { count, by, failure }: { count: number; by: string; failure: Problem | undefined },
  ): Promise<void> {
    return this.#init.audit({
      reconcileId: ulid(),
      key: 'host/orphans',
      kind: 'clean',
      why: `${kind}: ${count} to be removed`,
      actor: by,
      ...(failure ? { phase: 'failed', errorClass: failure.code } : { phase: 'succeeded' }),
    });
  }

  async #find(kinds: readonly OrphanKind[], inUse: InUse, signal: AbortSignal): Promise<Found> {
    const lists: (readonly OrphanReport[])[] = [];
    const problems: Problem[] = [];
    for (const kind of kinds) {
      const failure = await attempt(kind.find(inUse, signal).then((orphans) => void lists.push(orphans)));
      if (failure) problems.push(failure);
    }
    return { orphans: lists.flat(), problems };
  }
}

function isOf(kind: string, id: string): boolean {
  return id.startsWith(`${kind}/`);
}

/** The problem that a piece of work ended with; undefined when it went well. Defects are thrown on. */
async function attempt(work: Promise<void>): Promise<Problem | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}
