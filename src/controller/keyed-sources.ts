import { Problem } from '../base/problem.ts';
import type { Source } from '../source/source.ts';
import type { Seen } from './answer-looks.ts';
import { imageKey, sandboxKey, sourceKey } from './hints.ts';
import { knownNames } from './known-names.ts';
import type { QueueResult, WorkQueue } from './queue.ts';

/** A second read of a source after one that lacked something: pruning needs both. */
const secondReadMs = 1_000;

/** What reading sources needs. */
export interface KeyedSourcesInit extends Seen {
  readonly queue: WorkQueue;
}

/** The sources that a controller takes manifests from, each a key of its queue. */
export class KeyedSources {
  readonly #init: KeyedSourcesInit;
  readonly #sources = new Map<string, Source>();

  constructor(init: KeyedSourcesInit) {
    this.#init = init;
  }

  /**
   * Take manifests from a source from now on.
   * @throws {Problem} `source.same-id` when another source has the same id: neither could then prune safely
   */
  add(source: Source): void {
    const other = this.#sources.get(source.id);
    if (other) {
      throw new Problem({
        code: 'source.same-id',
        message: `${source.path} and ${other.path} have the same id ${source.id} in their .coi-source`,
        hint: 'One is a copy of the other: delete .coi-source in the copy',
      });
    }
    this.#sources.set(source.id, source);
    this.hint(source.id);
  }

  /** A source may say something else. */
  hint(id: string): void {
    this.#init.queue.add(sourceKey(id), { priority: 'spec' });
  }

  all(): Iterable<Source> {
    return this.#sources.values();
  }

  /** Whether Incus was listed and every source was read once: before that, nothing may be concluded from absence. */
  isObserved(): boolean {
    const { instances, desired } = this.#init;
    return instances.listedAt !== undefined && desired.sources().length === this.#sources.size;
  }

  /** One visit: read a source and have a look at the sandboxes of which it says something else. */
  async read(id: string, signal: AbortSignal): Promise<QueueResult> {
    const { instances, desired, queue } = this.#init;
    const source = this.#sources.get(id);
    // What a source no longer declares is only known once Incus has said what exists.
    if (!source || instances.listedAt === undefined) return { kind: 'settled' };
    const wasObserved = this.isObserved();
    const read = await source.read(signal);
    const images = desired.images();
    const changed = desired.accept(source, read);
    this.#hintImages(images);
    const names = wasObserved ? changed : this.isObserved() ? knownNames(this.#init) : [];
    for (const name of names) queue.add(sandboxKey(name), { priority: 'spec' });
    return desired.wantsSecondRead(id) ? { kind: 'settled', afterMs: secondReadMs } : { kind: 'settled' };
  }

  /** Have a look at images of which something else is said than before. */
  #hintImages(before: ReturnType<Seen['desired']['images']>): void {
    const { desired, queue } = this.#init;
    const now = desired.images();
    for (const name of new Set([...before.keys(), ...now.keys()]))
      if (before.get(name)?.hash !== now.get(name)?.hash) queue.add(imageKey(name), { priority: 'spec' });
  }
}
