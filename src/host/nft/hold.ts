import { execa } from 'execa';
import { backoffMs } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { holdTable } from '../../network/hold.ts';
import { runInNetwork, scoped, type NetworkScope } from '../link/in-network.ts';

/** What {@link holdBridge} needs. */
export interface HoldInit extends NetworkScope {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The table cannot be had at the moment, in nft's own words; tried again and again. */
  readonly onFailure: (text: string) => void;
}

/** Before this version nft breaks down when it lists such a table as JSON, and so would Incus and others who do. */
const oldestNft = [1, 1, 0];

/**
 * Why the table must not be made on this host; undefined where it may.
 *
 * @throws Problem `host.program-missing`
 */
export async function holdObstacle(
  scope: NetworkScope & { readonly signal?: AbortSignal },
): Promise<string | undefined> {
  const { stdout } = await runInNetwork({ ...scope, command: ['nft', '--version'] });
  const version = /v(\d+)\.(\d+)\.(\d+)/.exec(stdout)?.slice(1).map(Number) ?? [0];
  const [first = 0] = oldestNft
    .map((wanted, at) => (version[at] ?? 0) - wanted)
    .filter((difference) => difference !== 0);
  return first < 0 ? `nft ${version.join('.')} is older than ${oldestNft.join('.')}` : undefined;
}

const retries = { baseMs: 100, capMs: 60_000, jitter: 0.2 };
/** A child that lived this long starts over with the shortest wait. */
const healthyMs = 30_000;

/**
 * Keeps a process alive that owns the table which a flush of others does not touch, until the signal aborts. Ends with this
 * process, however that ends: its standard input ends then.
 */
export async function holdBridge({ clock, signal, onFailure, ...scope }: HoldInit): Promise<void> {
  let failures = 0;
  while (!signal.aborted) {
    const startedAt = clock.monotonic();
    onFailure(await hold(scope, signal));
    if (signal.aborted) return;
    failures = clock.monotonic() - startedAt > healthyMs ? 1 : failures + 1;
    await pause(clock, backoffMs(retries, failures, Math.random()), signal);
  }
}

/** @returns why it ended */
async function hold(scope: NetworkScope, signal: AbortSignal): Promise<string> {
  const [file, ...args] = scoped(scope, ['nft', '-i']);
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdout: 'ignore',
    env: { LC_ALL: 'C' },
    cancelSignal: signal,
    forceKillAfterDelay: 1_000,
  });
  let said = '';
  // It goes on after a command that failed, for example because the table of a controller that has just ended is still there.
  child.stderr.on('data', (part: Buffer) => {
    said += part.toString('utf8');
    if (said.includes('\n')) child.kill();
  });
  // Writing to a program that has ended is told by its end.
  child.stdin.on('error', () => undefined);
  child.stdin.write(holdTable);
  const { shortMessage } = await child;
  return said.split('\n')[0] || shortMessage || 'nft ended';
}
