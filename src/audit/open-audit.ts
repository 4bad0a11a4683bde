import type { Clock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';
import { AuditFile } from './audit-file.ts';
import { chainLine, noHead, type Head } from './chain.ts';
import { removeOld } from './files.ts';
import type { AuditEntry } from './record.ts';
import { recoverHead } from './recover.ts';

const dayMs = 86_400_000;

/** Records that are not urgent are written together after at most this many milliseconds. */
const batchMs = 200;

/** What an {@link Audit} is made from. */
export interface AuditOptions {
  /** Nobody else may write to it at the same time: the caller holds the controller's lock. */
  readonly dir: string;
  readonly clock: Clock;
  /** A file that has grown beyond this many bytes is followed by a new one. */
  readonly maxBytes?: number;
  /** Days after which a full file is removed. */
  readonly keepDays?: number;
  /** Told when a batch of records could not be written, with the reason; must not throw. */
  readonly onDrop?: (error: unknown) => void;
}

interface Pending {
  readonly ts: string;
  readonly entry: AuditEntry;
}

/**
 * The log of everything that was done to sandboxes: JSON Lines, each with the hash of the line before it, so that a line
 * that was changed or taken out shows. Cutting off the end does not show; ship the log elsewhere where that matters.
 *
 * Losing it changes nothing about what the controller does, and so it never stops the controller: what cannot be written is
 * counted and a later record says how much is missing.
 */
export class Audit implements AsyncDisposable {
  readonly #options: Required<Omit<AuditOptions, 'onDrop'>> & Pick<AuditOptions, 'onDrop'>;
  /** Since the start, for metrics. */
  readonly counts = { written: 0, dropped: 0 };
  #file: AuditFile | undefined;
  #head: Head = noHead;
  #pending: Pending[] = [];
  #timer: Disposable | undefined;
  /** Writes happen one after the other. */
  readonly #turns = new Turns();
  /** Lost since the last record that could be written. */
  #lost = 0;
  #isClosed = false;

  constructor(options: AuditOptions) {
    this.#options = { maxBytes: 8 * 2 ** 20, keepDays: 90, ...options };
  }

  /** Open or begin the file, so that what a crash left is seen to before anything else happens. */
  start(): Promise<void> {
    return this.#turns.take(() => this.#tryOpen());
  }

  /** Write a record down soon. After the log was closed it counts as dropped. */
  append(entry: AuditEntry): void {
    if (this.#isClosed) return this.#dropLate();
    this.#pending.push(this.#stamped(entry));
    this.#timer ??= this.#options.clock.after(batchMs, () => void this.#flush(false));
  }

  /** Write a record, and all before it, down now: resolves when a power cut would not lose it, or when it was dropped. */
  async appendDurable(entry: AuditEntry): Promise<void> {
    if (this.#isClosed) return this.#dropLate();
    this.#pending.push(this.#stamped(entry));
    return this.#flush(true);
  }

  /** Resolves when everything appended so far is written or dropped. */
  flush(): Promise<void> {
    return this.#flush(false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#flush(true);
    await this.#leave();
  }

  async #tryOpen(): Promise<void> {
    try {
      await this.#openFile();
    } catch (error) {
      // Nothing is lost yet: the first record tries again.
      this.#options.onDrop?.(error);
    }
  }

  #dropLate(): void {
    this.counts.dropped += 1;
  }

  #stamped(entry: AuditEntry): Pending {
    return { ts: new Date(this.#options.clock.now()).toISOString(), entry };
  }

  #flush(durable: boolean): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    return this.#turns.take(() => this.#writePending(durable));
  }

  async #writePending(durable: boolean): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length === 0) return;
    try {
      await this.#openFile();
      if (this.#lost > 0) batch.unshift(this.#note(`${this.#lost} records could not be written before this one`));
      await this.#write(batch, durable);
      this.#lost = 0;
    } catch (error) {
      const lost = batch.filter(({ entry }) => entry.kind !== 'audit').length;
      this.#lost += lost;
      this.counts.dropped += lost;
      // Opening it again finds out what is really in it.
      await this.#leave();
      this.#options.onDrop?.(error);
    }
  }

  /** The file to write to: after a start, when the current one is full, and when somebody removed it. */
  async #openFile(): Promise<void> {
    const { dir, clock, maxBytes, keepDays } = this.#options;
    let removedAfter: number | undefined;
    if (this.#file && !(await this.#file.isThere())) {
      removedAfter = this.#head.seq;
      await this.#leave();
    } else if (this.#file && this.#file.size > maxBytes) {
      const full = this.#file;
      this.#file = undefined;
      await full.archive();
    }
    if (this.#file) return;
    await removeOld(dir, clock.now() - keepDays * dayMs);
    const { head, torn } = await recoverHead(dir);
    this.#head = head;
    this.#file = await AuditFile.open(dir);
    if (torn) await this.#write([this.#note(`A crash left ${torn.bytes} bytes, kept as ${torn.file}`)], false);
    if (removedAfter) await this.#write([this.#note(`The log was removed after record ${removedAfter}`)], false);
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }

  /** The head moves only when the lines are in the file, so that the chain has no hole where records were dropped. */
  async #write(batch: readonly Pending[], durable: boolean): Promise<void> {
    let head = this.#head;
    let text = '';
    for (const { ts, entry } of batch) {
      const next = chainLine(head, ts, entry);
      head = next.head;
      text += `${next.line}\n`;
    }
    await this.#file?.append(text, { firstSeq: this.#head.seq + 1, durable });
    this.#head = head;
    this.counts.written += batch.length;
  }

  #note(why: string): Pending {
    return this.#stamped({ key: 'host/audit', kind: 'audit', phase: 'failed', why, actor: 'controller' });
  }
}

/**
 * Go on with the log in a directory, or begin one.
 *
 * Never fails: a directory that cannot be written to drops records, and is tried again with the next one.
 */
export async function openAudit(options: AuditOptions): Promise<Audit> {
  const audit = new Audit(options);
  await audit.start();
  return audit;
}
