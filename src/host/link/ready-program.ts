import { finishInNetwork, runInNetwork, startInNetwork } from './in-network.ts';
import type { Finished, Program, Started, Task } from './in-network.ts';

/**
 * Runs a program that does everything its standard input says, and has the next process of it wait there already: starting
 * one costs more than most of what it is for. A process that waits ends with ours, by the end of its input.
 */
export class ReadyProgram implements AsyncDisposable {
  readonly #program: Program;
  #waiting: Started | undefined;
  #isOver = false;

  constructor(program: Program) {
    this.#program = program;
  }

  /** As {@link runInNetwork}: each run has a process of its own. Another one waits as soon as this one is through. */
  async run(task: Task): Promise<Finished> {
    const started = this.#take();
    try {
      return await (started ? finishInNetwork(started, task) : runInNetwork({ ...this.#program, ...task }));
    } finally {
      this.prepare();
    }
  }

  /** Has a process wait. */
  prepare(): void {
    if (!this.#isOver) this.#waiting ??= startInNetwork(this.#program);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const waiting = this.#take();
    waiting?.child.stdin.end();
    await waiting?.child;
  }

  /** The process that waits; not one that has come to an end while it did. */
  #take(): Started | undefined {
    const started = this.#waiting;
    this.#waiting = undefined;
    return started?.child.pid === undefined || started.hasEnded ? undefined : started;
  }
}
