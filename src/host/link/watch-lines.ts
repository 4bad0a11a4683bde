import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { backoffMs } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { scopedForLife } from './in-network.ts';
import type { NetworkScope } from './in-network.ts';

/** A program whose every line means that something happened. */
export interface LineWatch extends NetworkScope {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Something happened, or may have been missed: reason to look, not a fact to act on. */
  readonly onHint: () => void;
  /** Which lines count; all of them when absent. */
  readonly isHint?: (line: string) => boolean;
}

const restarts = { baseMs: 100, capMs: 10_000, jitter: 0.2 };
const healthyMs = 30_000;

/** Keeps a program running until the signal aborts, and hints at each line and at each restart. Resolves at the end. */
export async function watchLines(
  command: readonly [string, ...string[]],
  { clock, signal, onHint, isHint = () => true, ...scope }: LineWatch,
): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    const [file, ...args] = scopedForLife(scope, command);
    const child = execa(file, args, {
      reject: false,
      buffer: false,
      stdin: 'ignore',
      stderr: 'ignore',
      cancelSignal: signal,
      forceKillAfterDelay: 1_000,
    });
    createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on(
      'line',
      (line) => isHint(line) && onHint(),
    );
    await child;
    if (signal.aborted) return;
    failures = clock.monotonic() - startedAt > healthyMs ? 1 : failures + 1;
    onHint();
    await pause(clock, backoffMs(restarts, failures, Math.random()), signal);
  }
}
