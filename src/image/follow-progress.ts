import { pause, type Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import type { StartedOperation } from '../host/incus/operation.ts';

/** How often it is asked, in milliseconds. */
const everyMs = 500;

interface FollowTools {
  readonly incus: Pick<Incus, 'operations'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Tells from time to time how far an operation is, in Incus' own words, until disposed of. */
export function followProgress(
  tools: FollowTools,
  { operation }: StartedOperation,
  tell: ((text: string) => void) | undefined,
): Disposable {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, tools.signal]);
  if (tell) void follow({ ...tools, signal }, operation.id, tell);
  return { [Symbol.dispose]: () => ended.abort() };
}

async function follow({ incus, clock, signal }: FollowTools, id: string, tell: (text: string) => void): Promise<void> {
  for (;;) {
    await pause(clock, everyMs, signal);
    if (signal.aborted) return;
    try {
      const { metadata } = await incus.operations.get(id, { signal });
      const text = progressIn(metadata);
      if (text !== undefined) tell(text);
    } catch {
      // Whoever waits for its end learns what became of it: this only tells how far it is.
      return;
    }
  }
}

/** As in `Image pack: 34% (5.54MB/s)`. */
function progressIn(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const text = Object.entries(metadata).find(([key]) => key.endsWith('_progress'))?.[1];
  return typeof text === 'string' ? text : undefined;
}
