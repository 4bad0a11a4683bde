import { execa } from 'execa';
import { createInterface } from 'node:readline';
import { readFile } from 'node:fs/promises';
import { backoffMs } from '../../base/backoff.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { scopedForLife } from '../link/in-network.ts';
import type { NetworkScope } from '../link/in-network.ts';

/** What was touched: elements of sets, chains or rules or sets, or whole tables. */
export type ChangeScope = 'elements' | 'rules' | 'tables';

/** Why rules may be other than they were. */
export type FirewallHint =
  /** Another program changed something in our tables; `scope` is the widest of what it touched. */
  | { readonly kind: 'changed'; readonly scope: ChangeScope; readonly process: string; readonly what: string }
  /** Notifications may have been missed: nothing seen before is certain. */
  | { readonly kind: 'gap'; readonly what: string };

/** What {@link watchTables} needs. */
export interface TableWatch extends NetworkScope {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A transaction of this process is in force. Tells whether it is an nft of our own. */
  readonly onTransaction: (pid: number) => boolean;
  readonly onHint: (hint: FirewallHint) => void;
  /** Called with true when notifications arrive for certain, with false before the hint that they no longer do. */
  readonly onListening: (listening: boolean) => void;
}

const restarts = { baseMs: 100, capMs: 10_000, jitter: 0.2 };
const readyPollMs = 3;

const ourTable = /^(?:add|delete|insert|replace|create) (\w+) (?:inet|bridge) coi(?: |$)/;
const transactionEnd = /^# new generation \d+ by process (\d+) \((.*)\)$/;

/**
 * Keeps `nft monitor` running until the signal aborts, and tells of every transaction in our tables that was not ours.
 * Text output, because only it names the process that wrote.
 */
export async function watchTables(watch: TableWatch): Promise<void> {
  let failures = 0;
  let hasEnded = false;
  const onListening = (): void => {
    // Some releases do not survive certain elements (nft 1.0.6: those of concatenations with intervals). One that got
    // so far is no hopeless case: until it listens again, every look is a listing.
    failures = 0;
    watch.onListening(true);
    // What was looked at meanwhile may have changed since.
    if (hasEnded) watch.onHint({ kind: 'gap', what: 'nft monitor had to be started again' });
  };
  while (!watch.signal.aborted) {
    const end = await runMonitor(watch, onListening);
    if (watch.signal.aborted) return;
    failures += 1;
    hasEnded = true;
    watch.onListening(false);
    watch.onHint({ kind: 'gap', what: `nft monitor ended: ${end}` });
    await pause(watch.clock, backoffMs(restarts, failures, Math.random()), watch.signal);
  }
}

async function runMonitor(watch: TableWatch, onListening: () => void): Promise<string> {
  const [file, ...args] = scopedForLife(watch, ['nft', 'monitor']);
  const child = execa(file, args, {
    reject: false,
    buffer: false,
    stdin: 'ignore',
    env: { LC_ALL: 'C' },
    cancelSignal: watch.signal,
    forceKillAfterDelay: 1_000,
  });
  let lastError = '';
  child.stderr.on('data', (chunk: Buffer) => (lastError = chunk.toString().trim()));
  readTransactions(child.stdout, watch);
  const ready = untilListening(child.pid, watch, onListening);
  const result = await child;
  await ready;
  return lastError || result.shortMessage || `exit code ${result.exitCode}`;
}

function readTransactions(stdout: NodeJS.ReadableStream, watch: TableWatch): void {
  let seen: { scope: ChangeScope; what: string } | undefined;
  createInterface({ input: stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
    const change = ourTable.exec(line);
    if (change) {
      const scope = scopeOf(change[1]!);
      if (!seen || width[scope] > width[seen.scope]) seen = { scope, what: line.slice(0, 120) };
      return;
    }
    if (line.includes('lost some netlink events')) watch.onHint({ kind: 'gap', what: 'the kernel dropped events' });
    const end = transactionEnd.exec(line);
    if (!end) return;
    if (!watch.onTransaction(Number(end[1])) && seen) {
      watch.onHint({ kind: 'changed', process: `${end[2]} (${end[1]})`, ...seen });
    }
    seen = undefined;
  });
}

const width = { elements: 0, rules: 1, tables: 2 } as const satisfies Record<ChangeScope, number>;

function scopeOf(object: string): ChangeScope {
  if (object === 'element') return 'elements';
  return object === 'table' ? 'tables' : 'rules';
}

/**
 * nft does not say when it listens, so the kernel is asked: its list of netlink sockets shows the child's with the
 * group of nftables events. See /proc/PID/net/netlink in proc_pid_net(5) and linux/netfilter/nfnetlink.h.
 */
async function untilListening(pid: number | undefined, watch: TableWatch, onListening: () => void): Promise<void> {
  if (pid === undefined) return;
  const listening = new RegExp(`^\\S+\\s+12\\s+${pid}\\s+[0-9a-f]*[4-7c-f][0-9a-f]\\s`, 'm');
  while (!watch.signal.aborted) {
    try {
      if (listening.test(await readFile(`/proc/${pid}/net/netlink`, 'utf8'))) {
        onListening();
        return;
      }
      await watch.clock.sleep(readyPollMs, watch.signal);
    } catch {
      // The child ended or the watch is over: runMonitor tells which.
      return;
    }
  }
}
