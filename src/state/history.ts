import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../base/atomic-file.ts';
import type { Clock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';

/** Entries that are kept per sandbox. */
export const historyLength = 20;

/** Changes are written together after at most this many milliseconds. */
const batchMs = 1_000;

/** One change of a sandbox that was carried out, or was tried. */
export interface HistoryEntry {
  /** When it ended, milliseconds since 1970. */
  readonly at: number;
  readonly revision: string;
  /** Hash of the manifest. */
  readonly hash: string;
  readonly outcome: 'ready' | 'failed' | 'stalled' | 'deleted';
  readonly message: string;
  readonly durationMs: number;
}

/** What a {@link History} is made from. */
export interface HistoryOptions {
  readonly dir: string;
  readonly clock: Clock;
  /** Told when something could not be written; must not throw. */
  readonly onError: (error: unknown) => void;
}

/**
 * The last revisions of each sandbox and how they went, one small file each. It is for people and may be deleted at any
 * time: nothing is decided by it, and a file that cannot be read counts as empty.
 */
export class History implements AsyncDisposable {
  readonly #options: HistoryOptions;
  readonly #entries = new Map<string, readonly HistoryEntry[]>();
  readonly #dirty = new Set<string>();
  #timer: Disposable | undefined;
  readonly #turns = new Turns();

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Remember how a change went. An entry that repeats the newest one only moves its time. */
  async add(sandbox: string, entry: HistoryEntry): Promise<void> {
    const before = await this.get(sandbox);
    const isRepeat = isSame(before.at(-1), entry);
    this.#entries.set(sandbox, [...(isRepeat ? before.slice(0, -1) : before), entry].slice(-historyLength));
    this.#dirty.add(sandbox);
    this.#timer ??= this.#options.clock.after(batchMs, () => void this.flush());
  }

  /** Oldest first. */
  async get(sandbox: string): Promise<readonly HistoryEntry[]> {
    const known = this.#entries.get(sandbox);
    if (known) return known;
    const entries = await readEntries(this.#path(sandbox));
    // Another call may have added to it meanwhile.
    return this.#entries.get(sandbox) ?? this.#keep(sandbox, entries);
  }

  /** Forget sandboxes that are gone, except those of which somebody may still want to know why: the newest few. */
  async prune(isKnown: (sandbox: string) => boolean, keepGone = 50): Promise<void> {
    await this.flush();
    const gone: { name: string; at: number }[] = [];
    for (const name of await this.#names()) {
      if (!isKnown(name)) gone.push({ name, at: (await this.get(name)).at(-1)?.at ?? 0 });
    }
    for (const { name } of gone.toSorted((a, b) => b.at - a.at).slice(keepGone)) {
      this.#entries.delete(name);
      await rm(this.#path(name), { force: true });
    }
  }

  /** Resolves when everything is written, or could not be. */
  flush(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    return this.#turns.take(() => this.#write());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
  }

  #keep(sandbox: string, entries: readonly HistoryEntry[]): readonly HistoryEntry[] {
    this.#entries.set(sandbox, entries);
    return entries;
  }

  async #write(): Promise<void> {
    const names = [...this.#dirty];
    this.#dirty.clear();
    for (const name of names) {
      try {
        await mkdir(this.#options.dir, { recursive: true, mode: 0o700 });
        await writeFileAtomically(this.#path(name), JSON.stringify(this.#entries.get(name) ?? []));
      } catch (error) {
        this.#options.onError(error);
      }
    }
  }

  async #names(): Promise<string[]> {
    try {
      const files = await readdir(this.#options.dir);
      return files.filter((file) => file.endsWith('.json')).map((file) => decodeURIComponent(file.slice(0, -5)));
    } catch (error) {
      this.#options.onError(error);
      return [];
    }
  }

  #path(sandbox: string): string {
    return join(this.#options.dir, `${encodeURIComponent(sandbox)}.json`);
  }
}

function isSame(before: HistoryEntry | undefined, entry: HistoryEntry): boolean {
  if (!before) return false;
  return before.hash === entry.hash && before.revision === entry.revision && before.outcome === entry.outcome;
}

async function readEntries(path: string): Promise<readonly HistoryEntry[]> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Array.isArray(value) ? value.filter(isEntry) : [];
  } catch {
    // Not there, or damaged: it is a cache, and begins anew.
    return [];
  }
}

function isEntry(value: unknown): value is HistoryEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { at, revision, hash, outcome } = value as Record<string, unknown>;
  return (
    [at].every((each) => typeof each === 'number') &&
    [revision, hash, outcome].every((each) => typeof each === 'string')
  );
}
