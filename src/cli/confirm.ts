import { createInterface } from 'node:readline/promises';
import type { Io } from './io.ts';
import { UsageProblem } from './usage.ts';

/** Asks one question after another. */
export interface Questions extends Disposable {
  /** Ask on stderr. Only `y`, or what is given, is yes; everything else, and nobody to answer, is no. */
  ask(question: string, yes?: RegExp): Promise<boolean>;
}

/** Begin to ask somebody. Once it is disposed of, nothing more can be read of stdin. */
export function openQuestions(io: Io): Questions {
  const lines = createInterface({ input: io.stdin, terminal: false });
  const answers = lines[Symbol.asyncIterator]();
  return {
    async ask(question, yes = /^y$/i) {
      io.stderr.write(`${question} [y/N] `);
      const { value, done } = await answers.next();
      if (done) io.stderr.write('\n');
      return !done && yes.test(value.trim());
    },
    [Symbol.dispose]: () => {
      lines.close();
      // An open one would keep this process waiting.
      io.stdin.destroy();
    },
  };
}

/** Ask one question. `yes`: what counts as that, where it is more than `y`. */
export async function confirm(io: Io, question: string, yes?: RegExp): Promise<boolean> {
  using questions = openQuestions(io);
  return await questions.ask(question, yes);
}

/**
 * Ask on the terminal; anything but `y` is no.
 *
 * @param otherwise command line that does not ask
 * @throws {UsageProblem} where there is nobody to ask
 */
export async function confirmed(
  io: Io,
  { question, otherwise }: { readonly question: string; readonly otherwise: string },
): Promise<boolean> {
  if (!process.stdin.isTTY) {
    const [, verb] = otherwise.split(' ');
    throw new UsageProblem(`${verb} asks before it removes anything`, `Example: ${otherwise}`);
  }
  return confirm(io, question);
}
