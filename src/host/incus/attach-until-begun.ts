import type { Clock } from '../../base/clock.ts';
import type { Attached } from './exec-attach.ts';
import { untilBegun } from './until-begun.ts';

/** A program that may have to be begun again. */
export interface Beginning {
  readonly begin: () => Promise<Attached>;
  /** Whether there is everything that it takes. */
  readonly mayAgain: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * A program with streams, begun again as {@link untilBegun} says. Signals outlast that: one that was sent to what never ran was
 * meant for what is begun in its place.
 */
export async function attachUntilBegun(clock: Clock, { begin, mayAgain, signal }: Beginning): Promise<Attached> {
  const sent: number[] = [];
  let current = await begin();
  const run = async (at: number) => {
    if (at > 0) {
      current = await begin();
      for (const number of sent) current.send(number);
    }
    return await current.exitCode;
  };
  const send = (number: number) => {
    sent.push(number);
    current.send(number);
  };
  return { send, exitCode: untilBegun(clock, signal, run, mayAgain) };
}
