import type { Clock } from '../../base/clock.ts';
import { isAlive, type HostProcess } from './container-process.ts';

/** How often every process is looked at, in milliseconds. */
const lookMs = 1_000;

interface Watched {
  readonly process: HostProcess;
  readonly onGone: () => void;
}

/** Tells when processes of the host end that are not our children: one timer for all, one read for each. */
export class ProcessWatch {
  readonly #watched = new Map<string, Watched>();
  readonly #clock: Clock;
  #timer: Disposable | undefined;

  /** Ends when the signal aborts: nobody is told anything then. */
  constructor(clock: Clock, lifetime: AbortSignal) {
    this.#clock = clock;
    lifetime.addEventListener('abort', () => this.#end(), { once: true });
  }

  /** Tells once, within a second, when the process has ended. What was watched under the same key is so no longer. */
  add(key: string, process: HostProcess, onGone: () => void): void {
    this.#watched.set(key, { process, onGone });
    this.#timer ??= this.#clock.after(lookMs, () => this.#look());
  }

  /** Whether a process is watched under this key. */
  has(key: string): boolean {
    return this.#watched.has(key);
  }

  #look(): void {
    this.#timer = undefined;
    const gone = [...this.#watched].filter(([, { process }]) => !isAlive(process));
    for (const [key] of gone) this.#watched.delete(key);
    if (this.#watched.size > 0) this.#timer = this.#clock.after(lookMs, () => this.#look());
    for (const [, { onGone }] of gone) onGone();
  }

  #end(): void {
    this.#timer?.[Symbol.dispose]();
    this.#watched.clear();
  }
}
