import { readdir, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory, writeFileAtomically } from '../base/atomic-file.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, Problem } from '../base/problem.ts';
import { Turns } from '../base/turns.ts';
import type { Override } from '../plan/override.ts';
import { checkName } from './check-name.ts';
import { isIgnored } from './file-names.ts';
import { makeDirectory } from './make-directory.ts';
import {
  overrideFileName,
  overridePlaceOf,
  parseOverride,
  renderOverride,
  unreadableOverride,
  type OverridePlace,
} from './override-file.ts';
import { codeOf } from './sentinel.ts';
import { readTrustedFile, unreadable } from './trusted-file.ts';
import { watchDirectory } from './watch.ts';

/** How long after a refusal the disk is tried again, in milliseconds. */
const writeAgainMs = 5_000;

/** What loading found. */
export interface LoadedOverrides {
  /** Sandboxes about which something else is said than before. */
  readonly changed: ReadonlySet<string>;
  readonly problems: readonly Problem[];
}

/**
 * What outranks manifests, one file per sandbox and kind in `STATE/desired/overrides/`. They are held in memory; files are
 * the truth: {@link OverrideStore.load} looks at them, at the start and whenever {@link OverrideStore.watch} hints. A file
 * that cannot be read still holds its sandbox back, and so does one in a directory that went away.
 */
export class OverrideStore {
  /** Directory of the files. */
  readonly path: string;
  readonly #clock: Clock;
  #bySandbox: ReadonlyMap<string, readonly Override[]> = new Map();
  /** What holds although the disk refused it, by path; written as soon as that works. */
  readonly #unwritten = new Map<string, { readonly sandbox: string; readonly override: Override }>();
  /** Whether a later try to write them is under way already: one writes all. */
  #isLate = false;
  /** Loading while something is being written could bring back what was just replaced. */
  readonly #turns = new Turns();

  constructor({ stateDir, clock }: { readonly stateDir: string; readonly clock: Clock }) {
    this.path = join(stateDir, 'desired', 'overrides');
    this.#clock = clock;
  }

  /** All overrides of a sandbox as last loaded or set, those that are over included. */
  readonly of = (sandbox: string): readonly Override[] => this.#bySandbox.get(sandbox) ?? [];

  /** Sandboxes that have overrides. */
  sandboxes(): string[] {
    return [...this.#bySandbox.keys()].sort();
  }

  /**
   * Read all files.
   * @throws {Problem} `override.unreadable` when the directory cannot be read: what was known then still holds, and a
   * controller that never knew anything must not start anything
   */
  load(): Promise<LoadedOverrides> {
    return this.#turns.take(() => this.#load());
  }

  /** Set an override, in place of one of the same kind. Durable and effective when it resolves. */
  set(sandbox: string, override: Override): Promise<void> {
    return this.#turns.take(async () => {
      await this.#write(sandbox, override);
      this.#put(sandbox, [...this.#others({ sandbox, kind: override.kind }), override]);
    });
  }

  /**
   * As {@link set}, for what must hold whatever the disk says: it is effective when this returns, and written as soon as
   * that works.
   *
   * @returns why it could not be written at once; undefined when it was
   */
  hold(sandbox: string, override: Override): Promise<unknown> {
    const place = { sandbox, kind: override.kind };
    const hold = () => {
      this.#unwritten.set(this.#fileOf(place), { sandbox, override });
      this.#put(sandbox, [...this.#others(place), override]);
    };
    hold();
    return this.#turns.take(async () => {
      // What was asked for before, and had its turn since, may have lifted it.
      hold();
      try {
        await this.#write(sandbox, override);
        return undefined;
      } catch (error) {
        this.#writeLater();
        return error;
      }
    });
  }

  #writeLater(): void {
    if (this.#isLate) return;
    this.#isLate = true;
    this.#clock.after(writeAgainMs, () => void this.#turns.take(() => this.#writeLate()));
  }

  async #writeLate(): Promise<void> {
    this.#isLate = false;
    for (const { sandbox, override } of this.#unwritten.values()) {
      // Whoever held it was told why; it stays, and is tried again.
      await this.#write(sandbox, override).catch(() => undefined);
    }
    if (this.#unwritten.size > 0) this.#writeLater();
  }

  async #write(sandbox: string, override: Override): Promise<void> {
    const path = this.#fileOf({ sandbox, kind: override.kind });
    try {
      await makeDirectory(this.path);
      await writeFileAtomically(path, renderOverride(override));
    } catch (error) {
      throw unwritable(path, error);
    }
    this.#unwritten.delete(path);
  }

  /** Lift an override. @returns whether there was one */
  remove(sandbox: string, kind: Override['kind']): Promise<boolean> {
    return this.#turns.take(async () => {
      const path = this.#fileOf({ sandbox, kind });
      this.#unwritten.delete(path);
      try {
        await rm(path);
        await syncDirectory(this.path);
      } catch (error) {
        if (codeOf(error) !== 'ENOENT') throw unwritable(path, error);
        // Only what a file says counts, so what is not there is not held in memory either.
        const had = this.of(sandbox).some((each) => each.kind === kind);
        this.#put(sandbox, this.#others({ sandbox, kind }));
        return had;
      }
      this.#put(sandbox, this.#others({ sandbox, kind }));
      return true;
    });
  }

  /** Call `onHint` whenever {@link load} may find something else, until disposed of. */
  watch(onHint: () => void): AsyncDisposable {
    return watchDirectory({ path: this.path, clock: this.#clock, onHint });
  }

  #fileOf({ sandbox, kind }: OverridePlace): string {
    return join(this.path, overrideFileName({ sandbox: checkName(sandbox), kind }));
  }

  #others({ sandbox, kind }: OverridePlace): Override[] {
    return this.of(sandbox).filter((each) => each.kind !== kind);
  }

  #put(sandbox: string, overrides: readonly Override[]): void {
    const next = new Map(this.#bySandbox);
    if (overrides.length > 0) next.set(sandbox, overrides);
    else next.delete(sandbox);
    this.#bySandbox = next;
  }

  async #load(): Promise<LoadedOverrides> {
    const names = await this.#list();
    const found = new Map<string, Override[]>();
    const problems: Problem[] = [];
    for (const name of names.filter((each) => !isIgnored(each)).sort()) {
      const place = overridePlaceOf(name);
      if (!place) problems.push(notOurs(join(this.path, name)));
      const override = place && (await this.#read(name, place, problems));
      if (override) found.set(place.sandbox, [...(found.get(place.sandbox) ?? []), override]);
    }
    for (const { sandbox, override } of this.#unwritten.values()) {
      found.set(sandbox, [...(found.get(sandbox) ?? []).filter(({ kind }) => kind !== override.kind), override]);
    }
    const before = this.#bySandbox;
    const changed = [...new Set([...before.keys(), ...found.keys()])].filter(
      (sandbox) => asText(before.get(sandbox)) !== asText(found.get(sandbox)),
    );
    this.#bySandbox = found;
    return { changed: new Set(changed), problems };
  }

  async #list(): Promise<string[]> {
    try {
      return await readdir(this.path);
    } catch (error) {
      if (codeOf(error) === 'ENOENT' && this.#bySandbox.size === 0) return [];
      throw new Problem({
        code: 'override.unreadable',
        message: `Cannot read the overrides in ${this.path}: ${messageOf(error)}`,
        hint: 'Bring the directory back; sandboxes stay held as they were.',
        retry: 'backoff',
        cause: error,
      });
    }
  }

  async #read(name: string, place: OverridePlace, problems: Problem[]): Promise<Override | undefined> {
    const shown = join(this.path, name);
    try {
      const root = await realpath(this.path);
      const { text } = await readTrustedFile({ shown, real: join(root, name), root });
      return parseOverride(shown, place.kind, text);
    } catch (error) {
      const problem = error instanceof Problem ? error : unreadable(shown, error);
      // It was lifted since the directory was listed.
      if (codeOf(problem.cause) === 'ENOENT') return undefined;
      problems.push(problem);
      const held = unreadableOverride(place, this.#clock.now());
      // Held since it was found, not anew at each look.
      return this.of(place.sandbox).find(({ kind, reason }) => kind === held.kind && reason === held.reason) ?? held;
    }
  }
}

function asText(overrides: readonly Override[] = []): string {
  const texts = overrides.map((each) => JSON.stringify({ kind: each.kind, text: renderOverride(each) }));
  return texts.sort().join();
}

function notOurs(file: string): Problem {
  return new Problem({
    code: 'override.name',
    message: 'The file is not an override: its name is not SANDBOX.KIND.toml with a kind that is known',
    hint: 'Remove it, or rename it to what it was meant to be.',
    position: { file },
  });
}

function unwritable(path: string, error: unknown): Problem {
  return new Problem({
    code: 'override.unwritable',
    message: `Cannot write ${path}: ${messageOf(error)}`,
    hint: 'Look at the space that is left on its file system, and at who may write there.',
    retry: 'backoff',
    cause: error,
  });
}
