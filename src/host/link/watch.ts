import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { backoffMs } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { scoped } from './in-network.ts';
import type { NetworkScope } from './in-network.ts';

/** What {@link watchLinks} needs. */
export interface LinkWatch extends NetworkScope {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Some link came, went or changed, or a change may have been missed: reason to list, not a fact to act on. */
  readonly onHint: () => void;
}

const restarts = { baseMs: 100, capMs: 10_000, jitter: 0.2 };
const healthyMs = 30_000;

/** Keeps `ip monitor link` running until the signal aborts. Resolves then. */
export async function watchLinks({ clock, signal, onHint, ...scope }: LinkWatch): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const [file, ...args] = scoped(scope, ['ip', '-j', 'monitor', 'link']);
    const child = execa(file, args, {
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stderr: 'ignore',
      cancelSignal: signal,
      forceKillAfterDelay: 1_000,
    });
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', onHint);
    await child;
    if (signal.aborted) return;
    failures = clock.monotonic() - startedAt > healthyMs ? 1 : failures + 1;
    onHint();
    // Rejects when the signal aborts, which ends the watch as asked.
    await clock.sleep(backoffMs(restarts, failures, Math.random()), signal).catch(() => undefined);
  }
}
