import type { WatchedContainer } from '../../sensor.ts';

/** Where counts of flows come from that were not logged because there were too many. */
export interface UnloggedCounts {
  /** By address of a sandbox, since the rules were loaded. */
  readonly unlogged: () => Promise<ReadonlyMap<string, number>>;
}

/** Flows of one sandbox that were not logged since the look before. */
export interface Unlogged {
  readonly uid: string;
  readonly count: number;
}

/**
 * Counts flows that went over the limit. Nobody is over it who has not just had as many lines as it allows, so as long as
 * there are few, nothing is asked.
 */
export class UnloggedFlows {
  readonly #counts: UnloggedCounts;
  /** Lines since the look before, by uid. */
  readonly #lines = new Map<string, number>();
  #before: ReadonlyMap<string, number> | undefined;
  #isDue = true;

  constructor(counts: UnloggedCounts) {
    this.#counts = counts;
  }

  /** A line of this sandbox came. */
  note({ uid, monitoring }: WatchedContainer): void {
    const lines = (this.#lines.get(uid) ?? 0) + 1;
    this.#lines.set(uid, lines);
    if (lines >= monitoring.network.flowsPerSecond) this.#isDue = true;
  }

  /** Those of whom some were not logged. What was counted before the first look says nothing. */
  async look(watched: readonly WatchedContainer[]): Promise<Unlogged[]> {
    this.#lines.clear();
    if (!this.#isDue || watched.length === 0) return [];
    this.#isDue = false;
    const before = this.#before;
    const now = await this.#counts.unlogged();
    this.#before = now;
    if (!before) return [];
    const found = watched.flatMap(({ uid, addresses }) => {
      const count = addresses.reduce((sum, address) => sum + rise(before.get(address), now.get(address)), 0);
      return count > 0 ? [{ uid, count }] : [];
    });
    // As long as it goes on, there is more to come.
    this.#isDue = found.length > 0;
    return found;
  }
}

/** Counts begin anew when the rules are loaded. */
function rise(before = 0, now = 0): number {
  return now >= before ? now - before : now;
}
