import { pause, type Clock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';
import type { Firewall } from '../host/firewall/firewall.ts';
import { DenialLog, type DenialLogInit, type LoggedSandbox } from './denial-log.ts';
import { DenialRecord, type Denial, type DenialLook } from './denial-record.ts';
import { RunningTotals } from './running-totals.ts';

/** How often to look, in milliseconds; longer where a look takes long, so that it is a hundredth of the time at most. */
const everyMs = 30_000;
const lengthFactor = 100;
/** How soon to look again while the rules are being loaded, in milliseconds. */
const loadingMs = 20;

/** A sandbox that may have been refused something. */
export interface WatchedSandbox extends LoggedSandbox {
  readonly addresses: readonly string[];
  /** When it came to be, milliseconds since 1970. */
  readonly since: number;
}

/** What a {@link DenialWatch} works with. */
export interface DenialWatchInit extends DenialLogInit {
  readonly firewall: Pick<Firewall, 'records' | 'loads'>;
  readonly clock: Clock;
  /** Everything that exists at this moment; undefined while that is not known. */
  readonly sandboxes: () => readonly WatchedSandbox[] | undefined;
  /** Whether only to look: nothing is written then, and the kernel's records stay as they are. */
  readonly looksOnly: boolean;
}

/** Looks at what the kernel refused: now and then, and when somebody asks. */
export class DenialWatch {
  readonly #init: DenialWatchInit;
  readonly #log: DenialLog;
  readonly #record = new DenialRecord();
  readonly #packets = new RunningTotals();
  readonly #turns = new Turns();
  /** Packets, loads and sandboxes at the last look: while they stay, nothing new can be recorded. */
  #mark: string | undefined;

  constructor(init: DenialWatchInit) {
    this.#init = init;
    this.#log = new DenialLog(init);
  }

  /** Look now and then until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, onProblem } = this.#init;
    while (!signal.aborted) {
      const began = clock.monotonic();
      await this.look().catch((error: unknown) => {
        if (!signal.aborted) onProblem(error);
      });
      const waitMs = Math.max(everyMs, (clock.monotonic() - began) * lengthFactor);
      await pause(clock, waitMs, signal);
    }
  }

  /** Look now. Looks come one after the other. */
  look(): Promise<void> {
    return this.#turns.take(() => this.#look());
  }

  /** What a sandbox was refused, the last first, as of the last look. */
  of(uid: string): readonly Denial[] {
    return this.#record.of(uid);
  }

  /** Packets refused by sandbox since it came to be or the controller was started, as of the last look. */
  packets(): ReadonlyMap<string, number> {
    return this.#packets.all();
  }

  async #look(): Promise<void> {
    const { firewall, sandboxes, clock } = this.#init;
    const all = sandboxes();
    if (!all) return;
    const uids = new Set(all.map(({ uid }) => uid));
    const packets = await this.#steady(() => firewall.records.packets());
    this.#packets.note(packets.value, packets.loads, uids);
    const mark = JSON.stringify([packets.loads, [...packets.value], [...uids]]);
    if (mark !== this.#mark) {
      const { value: rows, loads } = await this.#steady(() => firewall.records.refused());
      await this.#note(all, { rows, loads, owners: ownersOf(all), now: clock.now() });
      this.#mark = mark;
    }
    if (!this.#init.looksOnly) await this.#log.names(all);
  }

  /** A load in the middle would mix what was counted before with what was counted since. */
  async #steady<T>(read: () => Promise<T>): Promise<{ readonly value: T; readonly loads: number }> {
    const { firewall, clock } = this.#init;
    for (;;) {
      const { loads } = firewall;
      if (loads === undefined) {
        await clock.sleep(loadingMs);
        continue;
      }
      const value = await read();
      if (loads === firewall.loads) return { value, loads };
    }
  }

  async #note(all: readonly WatchedSandbox[], look: DenialLook): Promise<void> {
    const { changed, spare } = this.#record.note(look);
    if (this.#init.looksOnly) return;
    // What was refused before this controller began to look, another one has written down.
    const since = this.#mark === undefined ? look.now - everyMs : 0;
    for (const sandbox of all) {
      const denials = changed.get(sandbox.uid) ?? [];
      await this.#log.connections(
        sandbox,
        denials.filter(({ lastAt }) => lastAt >= since),
      );
    }
    if (spare.length > 0) await this.#init.firewall.records.forget(spare);
  }
}

function ownersOf(all: readonly WatchedSandbox[]): DenialLook['owners'] {
  return new Map(all.flatMap(({ uid, since, addresses }) => addresses.map((address) => [address, { uid, since }])));
}
