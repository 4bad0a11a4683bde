import type { Clock } from '../../base/clock.ts';
import type { Attached } from './exec-attach.ts';
import { untilBegun } from './until-begun.ts';

/** A program that may have to be begun again. */
export interface Beginning<Program extends Attached> {
  readonly begin: () => Promise<Program>;
  /** Whether there is everything that it takes. */
  readonly mayAgain: () => boolean;
  readonly signal: AbortSignal;
}

/** A program, whichever try it was that began it. */
export interface Begun<Program extends Attached> extends Pick<Attached, 'exitCode'> {
  /** Tell it something, such as a signal. */
  readonly say: (word: (program: Program) => void) => void;
}

/**
 * A program with streams, begun again as {@link untilBegun} says. What it was told outlasts that: a signal that was sent to what
 * never ran was meant for what is begun in its place.
 */
export async function attachUntilBegun<Program extends Attached>(
  clock: Clock,
  { begin, mayAgain, signal }: Beginning<Program>,
): Promise<Begun<Program>> {
  const said: ((program: Program) => void)[] = [];
  let current = await begin();
  const run = async (at: number) => {
    if (at > 0) {
      current = await begin();
      for (const word of said) word(current);
    }
    return await current.exitCode;
  };
  const say = (word: (program: Program) => void) => {
    said.push(word);
    word(current);
  };
  return { say, exitCode: untilBegun(clock, signal, run, mayAgain) };
}
