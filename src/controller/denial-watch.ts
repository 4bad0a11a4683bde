import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Firewall } from '../host/nft/firewall.ts';
import type { RefusedDestination } from '../host/nft/records.ts';
import { appendJsonLines } from '../log/json-lines-file.ts';
import { RunningTotals } from './running-totals.ts';
import { DenialRecord, type Denial, type DenialLook } from './denial-record.ts';
import type { NameDenials } from './name-denials.ts';

/** How often to look, in milliseconds; longer where a look takes long, so that it is a hundredth of the time at most. */
const everyMs = 30_000;
const lengthFactor = 100;

const largestLog = 8 * 2 ** 20;

/** A sandbox that may have been refused something. */
export interface WatchedSandbox {
  readonly uid: string;
  readonly name: string;
  readonly addresses: readonly string[];
  /** When it came to be, milliseconds since 1970. */
  readonly since: number;
  /** Where its refused connections are written; the host's own log when undefined. */
  readonly log?: { readonly enabled?: false; readonly path?: string } | undefined;
}

/** What a {@link DenialWatch} works with. */
export interface DenialWatchInit {
  readonly firewall: Pick<Firewall, 'records' | 'loads'>;
  readonly clock: Clock;
  readonly stateDir: string;
  /** Everything that exists at this moment. */
  readonly sandboxes: () => readonly WatchedSandbox[];
  readonly names?: NameDenials | undefined;
  /** Told when a look or a log failed. Must not throw. */
  readonly onProblem: (error: unknown) => void;
}

/** Looks at what the kernel refused: now and then, and when somebody asks. */
export class DenialWatch {
  readonly #init: DenialWatchInit;
  readonly #record = new DenialRecord();
  readonly #packets = new RunningTotals();
  /** What was written of names until now, by sandbox and name. */
  readonly #loggedNames = new Map<string, number>();
  #looking: Promise<void> = Promise.resolve();
  /** Packets and loads at the last look: while they stay, nothing new can be recorded. */
  #mark: string | undefined;

  constructor(init: DenialWatchInit) {
    this.#init = init;
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
      // Rejects only because the signal aborts, which ends the loop.
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** Look now. Looks come one after the other. */
  look(): Promise<void> {
    const next = this.#looking.then(() => this.#look());
    // The failure belongs to who asked; the next look begins afresh.
    this.#looking = next.catch(() => undefined);
    return next;
  }

  /** What a sandbox was refused, the last first, as of the last look. */
  of(uid: string): readonly Denial[] {
    return this.#record.of(uid);
  }

  /** Names that a sandbox was refused; undefined where nobody can say. */
  names(uid: string): NameDenials | undefined {
    return this.#init.names && uid !== '' ? this.#init.names : undefined;
  }

  /** Packets refused by sandbox since it came to be or the controller was started, as of the last look. */
  packets(): ReadonlyMap<string, number> {
    return this.#packets.all();
  }

  async #look(): Promise<void> {
    const { firewall, sandboxes, clock } = this.#init;
    const all = sandboxes();
    const packets = await this.#steady(() => firewall.records.packets());
    this.#packets.note(packets.value, packets.loads, new Set(all.map(({ uid }) => uid)));
    const mark = JSON.stringify([packets.loads, [...packets.value], all.map(({ uid }) => uid)]);
    if (mark !== this.#mark) {
      const { value: rows, loads } = await this.#steady(() => firewall.records.refused());
      await this.#note(all, { rows, loads, owners: ownersOf(all), now: clock.now() });
      this.#mark = mark;
    }
    await this.#logNames(all);
  }

  /** A load in the middle would mix what was counted before with what was counted since. */
  async #steady<T>(read: () => Promise<T>): Promise<{ readonly value: T; readonly loads: number }> {
    const { firewall } = this.#init;
    for (;;) {
      const { loads } = firewall;
      const value = await read();
      if (loads === firewall.loads) return { value, loads };
    }
  }

  async #note(all: readonly WatchedSandbox[], look: DenialLook): Promise<void> {
    const isFirst = this.#mark === undefined;
    const { changed, spare } = this.#record.note(look);
    if (spare.length > 0) await this.#forget(spare);
    for (const sandbox of all) {
      const since = isFirst ? look.now - everyMs : 0;
      // What was refused before this controller began to look, another one has written down.
      const lines = (changed.get(sandbox.uid) ?? []).filter(({ lastAt }) => lastAt >= since);
      await this.#log(sandbox, lines.map(connectionLine));
    }
  }

  async #forget(spare: readonly RefusedDestination[]): Promise<void> {
    await this.#init.firewall.records.forget(spare);
  }

  async #logNames(all: readonly WatchedSandbox[]): Promise<void> {
    const { names } = this.#init;
    if (!names) return;
    const known = new Set<string>();
    for (const sandbox of all) {
      const lines = names.denials(sandbox.uid).flatMap((denial) => {
        const key = `${sandbox.uid} ${denial.name} ${denial.type} ${denial.reason}`;
        known.add(key);
        if (this.#loggedNames.get(key) === denial.count) return [];
        this.#loggedNames.set(key, denial.count);
        const { name, type, reason, count } = denial;
        return [{ at: denial.lastAt, name, type, reason, count, first: timeText(denial.firstAt) }];
      });
      await this.#log(sandbox, lines);
    }
    for (const key of this.#loggedNames.keys()) if (!known.has(key)) this.#loggedNames.delete(key);
  }

  async #log(sandbox: WatchedSandbox, lines: readonly ({ readonly at: number } & object)[]): Promise<void> {
    const { log = {}, name, uid } = sandbox;
    if (lines.length === 0 || log.enabled === false) return;
    const path = log.path ?? join(this.#init.stateDir, 'log/network.log');
    const values = lines
      .toSorted((a, b) => a.at - b.at)
      .map(({ at, ...line }) => ({ ts: timeText(at), sandbox: name, uid, ...line }));
    try {
      await appendJsonLines({ path, makeDirectory: log.path === undefined, maxBytes: largestLog }, values);
    } catch (error) {
      // The log is for people; what it lacks is still answered by coi why-denied.
      this.#init.onProblem(error);
    }
  }
}

function ownersOf(all: readonly WatchedSandbox[]): DenialLook['owners'] {
  return new Map(all.flatMap(({ uid, since, addresses }) => addresses.map((address) => [address, { uid, since }])));
}

function connectionLine({ to, proto, port, count, firstAt, lastAt }: Denial) {
  return { at: lastAt, address: to, proto, ...(port !== undefined && { port }), count, first: timeText(firstAt) };
}

/** RFC 3339 in UTC with milliseconds, as the audit log has it. */
function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
