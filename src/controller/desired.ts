import type { Problem } from '../base/problem.ts';
import type { InstanceCache } from '../observe/instances.ts';
import { heldNames, pruneVerdicts, type Missing } from '../plan/guard.ts';
import type { Desired, PruneVerdict } from '../plan/world.ts';
import { checkReferences } from '../spec/check-references.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { Manifest, Policy } from '../spec/sandbox.ts';
import { trackAbsence } from '../source/absence.ts';
import { mergeReads } from '../source/merge.ts';
import type { Source, SourceRead } from '../source/source.ts';

/** What is known of one source. */
export interface SourceState {
  readonly source: Source;
  /** Result of the newest read. */
  readonly read: SourceRead;
  readonly readAt: number;
  /** When it was last read in full, milliseconds since 1970. */
  readonly completeAt: number | undefined;
}

interface Kept extends SourceState {
  /** The newest manifests that are known, also while the source cannot be read. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  readonly tombstones: ReadonlySet<string>;
  readonly images?: ReadonlyMap<string, ImageManifest>;
  readonly missing: readonly Missing[];
}

/**
 * What all sources together say about each name, and what may be concluded from their silence. A source that cannot be read
 * keeps its last manifests and only loses the right to have anything deleted.
 */
export class DesiredState {
  readonly #instances: InstanceCache;
  readonly #now: () => number;
  readonly #kept = new Map<string, Kept>();
  #merged = mergeReads([]);
  #confirmed = new Set<string>();

  constructor(instances: InstanceCache, now: () => number) {
    this.#instances = instances;
    this.#now = now;
  }

  /** Take in a read. @returns the names about which something else is said now */
  accept(source: Source, read: SourceRead): Set<string> {
    const before = this.#kept.get(source.id);
    const now = this.#now();
    const none = { manifests: new Map(), tombstones: new Set<string>() };
    const known: Pick<Kept, 'manifests' | 'tombstones' | 'images'> = read.kind === 'failed' ? (before ?? none) : read;
    const kept: Kept = {
      source,
      read,
      readAt: now,
      completeAt: read.kind === 'complete' ? now : before?.completeAt,
      manifests: known.manifests,
      tombstones: known.tombstones,
      ...(known.images && { images: known.images }),
      missing: trackAbsence({ previous: before?.missing ?? [], read, owned: this.#owned(source.id), now }),
    };
    this.#kept.set(source.id, kept);
    // A confirmation is for one deletion: a name that is declared again, or gone, starts from nothing.
    this.#confirmed = new Set(this.missing().filter((name) => this.#confirmed.has(name)));
    const old = this.#merged.manifests;
    this.#merged = mergeReads([...this.#kept.values()]);
    return changes(old, this.#merged.manifests, [kept, before]);
  }

  /** Sandboxes whose instance carries a source's stamp, with what is to follow when they are no longer declared. */
  #owned(id: string): Map<string, Policy['deletion']> {
    const owned = new Map<string, Policy['deletion']>();
    for (const { owner } of this.#instances.all()) {
      if (owner.kind !== 'owned' || owner.stamp.source !== id) continue;
      owned.set(owner.stamp.name, owner.stamp.applied?.deletion ?? 'delete');
    }
    return owned;
  }

  /** Whether anything carries a source's stamp. */
  ownsSomething(id: string): boolean {
    return this.#owned(id).size > 0;
  }

  /** What is said about one name. */
  of(name: string): Desired {
    const manifest = this.#merged.manifests.get(name);
    if (manifest) return { kind: 'declared', manifest, sourceComplete: this.#isComplete(manifest.source) };
    const conflict = this.#merged.conflicts.get(name);
    if (conflict) return { kind: 'unknown', message: conflict.message };
    const source = this.#sourceOf(name);
    // A tombstone speaks for its own source only: what a directory declared is not deleted by a session's.
    if (source === undefined || this.#merged.tombstones.get(name) === source) return { kind: 'deleted' };
    const kept = this.#kept.get(source);
    if (!kept) return { kind: 'unknown', message: `Its source ${source} is not one of this controller's` };
    return { kind: 'missing', verdict: this.#verdicts(kept).get(name) ?? this.#unheard(kept) };
  }

  #isComplete(id: string): boolean {
    return this.#kept.get(id)?.read.kind === 'complete';
  }

  #sourceOf(name: string): string | undefined {
    const [seen] = this.#instances.ofSandbox(name);
    return seen?.owner.kind === 'owned' ? seen.owner.stamp.source : undefined;
  }

  /** Its instance was seen for the first time after the last read. */
  #unheard({ read }: Kept): PruneVerdict {
    if (read.kind === 'complete') return { kind: 'wait', reason: 'Grace', message: 'Its source is read once more' };
    return {
      kind: 'wait',
      reason: 'SourceIncomplete',
      message: `Its source could not be read in full: ${faultOf(read)}`,
    };
  }

  #verdicts({ source, read, missing }: Kept): Map<string, PruneVerdict> {
    const owned = this.#owned(source.id);
    const still = missing.filter(({ name }) => owned.has(name));
    return pruneVerdicts({
      read: read.kind === 'complete' ? read : { kind: read.kind, message: faultOf(read) },
      sentinel: read.kind !== 'failed' && read.sentinel,
      owned: owned.size,
      missing: still,
      confirmed: this.#confirmed,
      now: this.#now(),
    });
  }

  /** Names whose deletion waits for a person. */
  held(): string[] {
    return [...this.#kept.values()].flatMap((kept) => heldNames(this.#verdicts(kept)));
  }

  /** Let all held deletions go on: they are meant. */
  confirm(names: readonly string[]): void {
    this.#confirmed = new Set([...this.#confirmed, ...names]);
  }

  sources(): SourceState[] {
    return [...this.#kept.values()];
  }

  source(id: string): SourceState | undefined {
    return this.#kept.get(id);
  }

  manifests(): ReadonlyMap<string, Manifest> {
    return this.#merged.manifests;
  }

  /** Images that are to be built, by their aliases. */
  images(): ReadonlyMap<string, ImageManifest> {
    return this.#merged.images;
  }

  /** Sandbox that a manifest gives this instance name. */
  declaredAs(instance: string): string | undefined {
    for (const manifest of this.#merged.manifests.values()) if (manifest.instance === instance) return manifest.name;
    return undefined;
  }

  /** Source that wants a name deleted by command. */
  tombstoneOf(name: string): string | undefined {
    return this.#merged.tombstones.get(name);
  }

  /** Problems between manifests: one name in two sources, dependencies that nobody declares or that go in a circle. */
  conflicts(): readonly Problem[] {
    const references = checkReferences([...this.#merged.manifests.values()]);
    return [...this.#merged.problems, ...references.map(({ problem }) => problem)];
  }

  /** Whether a source lacked something that only a second read can confirm. */
  wantsSecondRead(id: string): boolean {
    return this.#kept.get(id)?.missing.some(({ reads }) => reads < 2) ?? false;
  }

  /** Names that some source waits to delete. */
  missing(): string[] {
    return [...this.#kept.values()].flatMap(({ missing }) => missing.map(({ name }) => name));
  }
}

function faultOf(read: Exclude<SourceRead, { kind: 'complete' }>): string {
  return read.kind === 'failed' ? read.problem.message : read.problems.map(({ message }) => message).join('; ');
}

function changes(
  old: ReadonlyMap<string, Manifest>,
  fresh: ReadonlyMap<string, Manifest>,
  states: readonly (Kept | undefined)[],
): Set<string> {
  const changed = [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => {
    const [before, after] = [old.get(name), fresh.get(name)];
    return before?.hash !== after?.hash || before?.source !== after?.source;
  });
  return new Set([
    ...changed,
    ...states.flatMap((state) => (state ? [...state.tombstones, ...state.missing.map(({ name }) => name)] : [])),
  ]);
}
