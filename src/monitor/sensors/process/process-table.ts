import type { HostProcess } from '../../../host/process/container-process.ts';
import type { ProcessSummary } from '../../event.ts';
import { boundedWords } from './bounded.ts';

/** Most processes of a sandbox that are remembered, and how much of their words, in characters. */
const [mostProcesses, longestWords] = [1_024, 1_024];

/** What processes of one sandbox run, as far as it was seen: for the parents of those that come later. */
export class ProcessTable {
  readonly #known = new Map<string, ProcessSummary>();

  /** A process runs a program now. */
  set(process: HostProcess, summary: ProcessSummary): void {
    const key = keyOf(process);
    this.#known.delete(key);
    this.#known.set(key, { ...summary, words: boundedWords(summary.words, longestWords).words });
    if (this.#known.size <= mostProcesses) return;
    const [oldest] = this.#known.keys();
    this.#known.delete(oldest!);
  }

  /** What a process was last seen to start; those that are asked for are remembered longest. */
  get(process: HostProcess): ProcessSummary | undefined {
    const key = keyOf(process);
    const found = this.#known.get(key);
    if (!found) return undefined;
    this.#known.delete(key);
    this.#known.set(key, found);
    return found;
  }

  has(process: HostProcess): boolean {
    return this.#known.has(keyOf(process));
  }

  /**
   * Parents with what they run. One that was never seen to start a program goes on with that of its own parent: fork(2) changes
   * nothing about it.
   *
   * @param ancestors the nearest first
   */
  parents(ancestors: readonly HostProcess[]): ProcessSummary[] {
    return ancestors.map((process, index) => {
      const ppid = ancestors[index + 1]?.pid ?? 0;
      const rest = ancestors.slice(index);
      const from = rest.find((each) => this.has(each));
      const summary = from && this.get(from);
      return { name: '', program: '', words: [], ...summary, pid: process.pid, ppid };
    });
  }
}

function keyOf({ pid, startedAt }: HostProcess): string {
  // What bpftrace says of the start is cut to 32 bits.
  return `${pid} ${Number(startedAt) % 2 ** 32}`;
}
