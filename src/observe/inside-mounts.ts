import { readFile } from 'node:fs/promises';
import { parseMountTable } from '../host/mount/mount-table.ts';
import type { Layer } from '../host/mount/seal.ts';
import { processAt, isAlive, type HostProcess } from '../host/process/container-process.ts';

/** One run of an instance. */
export interface Run {
  readonly uid: string;
  readonly instance: string;
  /** When it was started; another start is another process. */
  readonly startedAt: string;
  /** Where its workspace appears inside. */
  readonly workspace: string;
  readonly layers: readonly Layer[];
}

/** Asks for the process id of an instance's init. */
export type InitOf = (instance: string, signal: AbortSignal) => Promise<number>;

/**
 * Looks whether what covers protected paths on the host covers them inside as well. Incus mounts without what is below when
 * it mounts into something that runs, and root inside can leave its workspace, though never uncover it.
 */
export class InsideMounts {
  readonly #initOf: InitOf;
  readonly #looked = new Map<string, string>();
  readonly #known = new Map<string, { readonly startedAt: string; readonly init: HostProcess }>();

  constructor(initOf: InitOf) {
    this.#initOf = initOf;
  }

  /** Whether a run was looked at, so that only events can say something new about it. */
  hasLooked({ uid, startedAt }: Pick<Run, 'uid' | 'startedAt'>): boolean {
    return this.#looked.get(uid) === startedAt;
  }

  /** The protected paths that are not covered; none where that cannot be told. */
  async uncovered(run: Run, signal: AbortSignal): Promise<readonly string[]> {
    this.#looked.set(run.uid, run.startedAt);
    const init = await this.#init(run, signal);
    if (!init) return [];
    const text = await readFile(`/proc/${init.pid}/mountinfo`, 'utf8').catch(() => '');
    // It ended while it was looked at: then there is nothing to cover.
    if (text === '' || !isAlive(init)) return [];
    const table = parseMountTable(text);
    const isUncovered = ({ path, readonly }: Layer): boolean => {
      const mounted = table.get(`${run.workspace}/${path}`);
      return mounted === undefined || (readonly && !mounted.readonly);
    };
    return run.layers.filter(isUncovered).map(({ path }) => path);
  }

  forget(uid: string): void {
    this.#known.delete(uid);
    this.#looked.delete(uid);
  }

  async #init({ uid, instance, startedAt }: Run, signal: AbortSignal): Promise<HostProcess | undefined> {
    const known = this.#known.get(uid);
    if (known?.startedAt === startedAt && isAlive(known.init)) return known.init;
    const pid = await this.#initOf(instance, signal);
    const init = pid > 0 ? processAt(pid) : undefined;
    if (init) this.#known.set(uid, { startedAt, init });
    return init;
  }
}
