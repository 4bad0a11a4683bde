import { pause, type Clock } from '../../../base/clock.ts';
import { followKernelLog, type KernelLogSource } from '../../../host/kernel-log/follow.ts';
import type { KernelLine } from '../../../host/kernel-log/entries.ts';
import { Problem } from '../../../base/problem.ts';
import type { Sensor, SensorInit, SensorStatus, WatchedContainer } from '../../sensor.ts';
import { parseFlowLine, type LoggedFlow } from './flow-line.ts';
import { UnloggedFlows, type UnloggedCounts } from './unlogged-flows.ts';

/** What a {@link NetworkSensor} works with besides what all do. */
export interface NetworkSensorInit extends SensorInit, UnloggedCounts {
  readonly clock: Clock;
  /** The host's own addresses on the bridge: questions for names that go there are told as such. */
  readonly gateways: readonly string[];
  /** Name that led a sandbox to an address, as far as that is known. */
  readonly nameOf: (uid: string, address: string) => string | undefined;
}

/** How often it is looked at what was not logged, in milliseconds; only while there is a reason to. */
const lookMs = 2_000;

/**
 * New flows of watched sandboxes, from the lines that rules of ours leave in the kernel log: see `network/flow-log.ts`.
 * Packets of the host and of established flows leave none. A line counts when its uid is that of a watched sandbox and its
 * source one of that sandbox's addresses.
 *
 * Not seen: what sandboxes send to each other below IP; and, while the firewall is Incus' ACLs, that these refused
 * what our own rules let through.
 */
export class NetworkSensor implements Sensor {
  readonly name = 'network';
  readonly #init: NetworkSensorInit;
  readonly #unlogged: UnloggedFlows;
  readonly #readers = new Map<string, Reader>();
  #watched = new Map<string, WatchedContainer>();
  #signal: AbortSignal | undefined;
  #seen = 0;
  #dropped = 0;

  constructor(init: NetworkSensorInit) {
    this.#init = init;
    this.#unlogged = new UnloggedFlows(init);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    this.refresh();
    while (!signal.aborted) {
      await pause(this.#init.clock, lookMs, signal);
      if (!signal.aborted) await this.#look();
    }
    await Promise.all([...this.#readers.values()].map(({ ended }) => ended));
  }

  refresh(): void {
    const watched = this.#init.watched().filter(({ monitoring }) => monitoring.enabled && monitoring.network.enabled);
    this.#watched = new Map(watched.map((container) => [container.uid, container]));
    const signal = this.#signal;
    if (!signal || signal.aborted) return;
    const hosts = new Set(watched.map(({ monitoring }) => monitoring.network.limaHost));
    for (const [host, { stop }] of this.#readers) {
      if (hosts.has(host)) continue;
      stop.abort();
      this.#readers.delete(host);
    }
    for (const host of hosts) if (!this.#readers.has(host)) this.#readers.set(host, this.#read(host, signal));
  }

  status(): SensorStatus {
    const readers = [...this.#readers.values()];
    const problem = readers.find((reader) => reader.problem)?.problem;
    const sources = readers.flatMap(({ source, host }) =>
      source ? [host === '' ? source : `${source} of ${host}`] : [],
    );
    return {
      sensor: this.name,
      state: readers.length === 0 ? 'off' : problem ? 'failed' : 'active',
      source: sources.join(', ') || 'kernel log',
      ...(problem && { because: problem.message }),
      seen: this.#seen,
      dropped: this.#dropped,
    };
  }

  #read(host: string, signal: AbortSignal): Reader {
    const stop = new AbortController();
    const reader: Reader = { host, stop, source: undefined, problem: undefined, ended: Promise.resolve() };
    let last: string | undefined;
    reader.ended = followKernelLog({
      clock: this.#init.clock,
      signal: AbortSignal.any([signal, stop.signal]),
      limaHost: host,
      onLine: (line) => this.#take(line),
      onLost: (count) => this.#lose(count),
      onState: (source, problem) => {
        reader.source = source;
        reader.problem = problem;
        if (problem && problem.message !== last) this.#init.onProblem(problem);
        last = problem?.message;
      },
    });
    return reader;
  }

  #take({ text, at }: KernelLine): void {
    const flow = parseFlowLine(text);
    const container = this.#watched.get(flow?.uid ?? '');
    if (!flow || !container?.addresses.includes(flow.source)) return;
    this.#seen += 1;
    this.#unlogged.note(container);
    if (this.#isQuestion(flow)) {
      if (container.monitoring.network.logsNames) {
        this.#init.onEvent({ kind: 'name', uid: flow.uid, at, name: '', type: '', result: 'unseen' });
      }
      return;
    }
    const name = this.#init.nameOf(flow.uid, flow.address);
    this.#init.onEvent({ kind: 'connection', at, ...flow, ...(name !== undefined && { name }) });
  }

  /** Sandboxes without an allowlist ask the bridge's own server, whose questions nobody sees: how many there are, the flows tell. */
  #isQuestion({ port, address, verdict }: LoggedFlow): boolean {
    return port === 53 && verdict === 'passed' && this.#init.gateways.includes(address);
  }

  #lose(count: number): void {
    const isFirst = this.#dropped === 0;
    this.#dropped += count;
    if (!isFirst) return;
    this.#init.onProblem(
      new Problem({
        code: 'monitor.kernel-log-lost',
        message: 'The kernel overwrote lines of its log before they were read: connections may have gone unseen',
        hint: 'A larger buffer keeps more of them: the kernel parameter log_buf_len=4M',
      }),
    );
  }

  async #look(): Promise<void> {
    try {
      for (const { uid, count } of await this.#unlogged.look([...this.#watched.values()])) {
        this.#dropped += count;
        this.#init.onEvent({ kind: 'unseen', uid, at: this.#init.clock.now(), sensor: this.name, count });
      }
    } catch (error) {
      this.#init.onProblem(error);
    }
  }
}

interface Reader {
  readonly host: string;
  readonly stop: AbortController;
  source: KernelLogSource | undefined;
  problem: Problem | undefined;
  ended: Promise<void>;
}
