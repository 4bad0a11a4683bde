import type { UnseenEvent } from '../../event.ts';

type Counts = ReadonlyMap<string, number>;

/** Counts what was not recorded, until it is told: once for each sandbox. */
export class Unseen {
  /** By sandbox, the highest count that was said for each window: each says how many are missing from it up to then. */
  #windows = new Map<string, Map<string, number>>();
  /** What was told last: a window may go on. */
  #told: ReadonlyMap<string, Counts> = new Map();
  #lost = new Map<string, number>();

  /** So many events were lost of which it is not known whose they were: that counts for each of these sandboxes. */
  lost(uids: Iterable<string>, count: number): void {
    for (const uid of uids) this.#lost.set(uid, (this.#lost.get(uid) ?? 0) + count);
  }

  /** So many events of a sandbox and window are missing by now. */
  add(uid: string, window: string, count: number): void {
    const windows = this.#windows.get(uid) ?? new Map<string, number>();
    this.#windows.set(uid, windows);
    windows.set(window, Math.max(count, windows.get(window) ?? 0));
  }

  /** What there is to tell; it begins anew. */
  take(at: number): UnseenEvent[] {
    const events = [...this.#windows].map(([uid, windows]): UnseenEvent => {
      const counts = [...windows].map(([window, count]) => count - (this.#told.get(uid)?.get(window) ?? 0));
      return { kind: 'unseen', uid, at, sensor: 'process', count: counts.reduce((sum, each) => sum + each, 0) };
    });
    this.#told = this.#windows;
    this.#windows = new Map();
    for (const [uid, count] of this.#lost)
      events.push({ kind: 'unseen', uid, at, sensor: 'process', count, isShared: true });
    this.#lost = new Map();
    return events.filter(({ count }) => count > 0);
  }
}
