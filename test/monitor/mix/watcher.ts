import { setTimeout as sleep } from 'node:timers/promises';
import { residentMiB } from '../../bench/process-usage.ts';
import type { SandboxReport } from '../../../src/controller/report.ts';
import type { LabController } from '../../lab/controller.ts';

/** Between two looks, in milliseconds. */
const everyMs = 200;

/** A sandbox that was held although nobody attacked from it. */
export interface WronglyHeld {
  readonly name: string;
  readonly reason: string;
}

/** Looks at all sandboxes all the time, for all who wait, and at the controller's memory. */
export class Watcher implements AsyncDisposable {
  /** Resident memory of the controller in MiB, about once a second. */
  readonly memory: number[] = [];
  readonly wronglyHeld: WronglyHeld[] = [];
  /** Sandboxes from which an attack is under way, or was just now. */
  readonly suspects = new Set<string>();
  readonly #controller: LabController;
  #reports: ReadonlyMap<string, SandboxReport> = new Map();
  #isOver = false;
  readonly #running: Promise<void>;

  constructor(controller: LabController) {
    this.#controller = controller;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    for (let look = 0; !this.#isOver; look += 1) {
      const { sandboxes } = await this.#controller.status();
      this.#reports = new Map(sandboxes.map((each) => [each.name, each]));
      for (const { name } of sandboxes) this.#judge(name);
      if (look % 5 === 0) this.memory.push(await residentMiB(this.#controller.pid));
      await sleep(everyMs);
    }
  }

  #judge(name: string): void {
    const reason = this.heldBecause(name);
    if (reason === undefined || this.suspects.has(name)) return;
    if (!this.wronglyHeld.some((each) => each.name === name)) this.wronglyHeld.push({ name, reason });
  }

  /** Why a rule holds a sandbox; undefined when none does. */
  heldBecause(name: string): string | undefined {
    return this.#reports.get(name)?.overrides.find(({ kind }) => kind === 'quarantine')?.reason;
  }

  /** Waits until something is so of a sandbox. @returns whether it was in time */
  async waitFor(name: string, is: (report: SandboxReport) => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const report = this.#reports.get(name);
      if (report && is(report)) return true;
      if (performance.now() > deadline) return false;
      await sleep(everyMs / 2);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }
}

/** How much more memory there is in the last quarter than in the second, by their medians, in MiB. */
export function growthOf(memory: readonly number[]): number {
  const quarter = Math.floor(memory.length / 4);
  return median(memory.slice(3 * quarter)) - median(memory.slice(quarter, 2 * quarter));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
