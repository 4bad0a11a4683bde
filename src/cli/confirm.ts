import { createInterface } from 'node:readline/promises';
import type { Io } from './io.ts';
import { UsageProblem } from './usage.ts';

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
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `, { signal: io.signal });
    return answer === 'y' || answer === 'Y';
  } finally {
    asking.close();
  }
}
