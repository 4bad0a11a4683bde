import type { Clock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';
import { AuditFile, dayOf } from './audit-file.ts';
import { chainLine, noHead, type Head } from './chain.ts';
import { recoverHead } from './recover.ts';
import { removeBeyond, removeOld } from './retention.ts';

const dayMs = 86_400_000;

/** Records that are not urgent are written together after at most this many milliseconds. */
const batchMs = 200;

/** What a {@link ChainLog} is made from. */
export interface ChainLogOptions<Entry extends object> {
  /** Nobody else may write to it at the same time: the caller holds the controller's lock. */
  readonly dir: string;
  readonly clock: Clock;
  /** What the log says about itself: that records are missing, or what a crash left. */
  readonly noteOf: (why: string) => Entry;
  /** A file that has grown beyond this many bytes is followed by a new one. */
  readonly maxBytes: number;
  /** Days after which a full file is removed, asked whenever a file is begun. */
  readonly keepDays: () => number;
  /** Whether no file has records of more than one day (UTC). */
  readonly isDaily?: boolean;
  /** Most bytes of all full files together: the oldest go first. */
  readonly maxTotalBytes?: number;
  /** Called when a file was opened, before anything is written to it; what it throws counts as failure to write. */
  readonly onOpen?: () => Promise<void>;
  /** Told when so many records were written; must not throw. */
  readonly onWrite?: (written: number) => void;
  /** Told when a batch of records could not be written, with the reason and how many they were; must not throw. */
  readonly onDrop?: (error: unknown, dropped: number) => void;
}

interface Pending<Entry> {
  readonly ts: string;
  readonly entry: Entry;
  /** Somebody waits until it is on the disk (true) or dropped. Whichever turn takes it sees to that. */
  readonly onDone?: (isWritten: boolean) => void;
}

/**
 * A log of JSON Lines, each with the hash of the line before it, so that a line that was changed or taken out shows. Cutting
 * off the end does not show; ship the log elsewhere where that matters.
 *
 * Losing it changes nothing about what the controller does, and so it never stops the controller: what cannot be written is
 * counted and a later record says how much is missing.
 */
export class ChainLog<Entry extends object> implements AsyncDisposable {
  readonly #options: ChainLogOptions<Entry>;
  /** Since the start, for metrics. */
  readonly counts = { written: 0, dropped: 0 };
  #file: AuditFile | undefined;
  #head: Head = noHead;
  #pending: Pending<Entry>[] = [];
  #timer: Disposable | undefined;
  /** Writes happen one after the other. */
  readonly #turns = new Turns();
  /** Lost since the last record that could be written. */
  #lost = 0;
  #isClosed = false;

  constructor(options: ChainLogOptions<Entry>) {
    this.#options = options;
  }

  /** Open or begin the file, so that what a crash left is seen to before anything else happens. */
  start(): Promise<void> {
    return this.#turns.take(() => this.#tryOpen());
  }

  /** Write a record down soon. After the log was closed it counts as dropped. */
  append(entry: Entry): void {
    if (this.#isClosed) return this.#dropLate();
    this.#pending.push(this.#stamped(entry));
    this.#timer ??= this.#options.clock.after(batchMs, () => void this.#flush());
  }

  /** Write a record, and all before it, down now: resolves when a power cut would not lose it, or when it was dropped. */
  async appendDurable(entry: Entry): Promise<void> {
    await this.tryAppendDurable(entry);
  }

  /** The same, and tells which of both: true when it is on the disk. */
  async tryAppendDurable(entry: Entry): Promise<boolean> {
    if (this.#isClosed) {
      this.#dropLate();
      return false;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#pending.push({ ...this.#stamped(entry), onDone: resolve });
    await this.#flush();
    return promise;
  }

  /** Resolves when everything appended so far is written or dropped. */
  flush(): Promise<void> {
    return this.#flush();
  }

  /** Close the file, having written what waits; the next record opens it again. */
  async release(): Promise<void> {
    await this.#flush();
    await this.#turns.take(() => this.#leave());
  }

  /** Do something to the files while nothing is written to them; the chain goes on with what is there then. */
  alone(work: () => Promise<void>): Promise<void> {
    return this.#turns.take(async () => {
      await this.#leave();
      await work();
      this.#head = noHead;
    });
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
      this.#options.onDrop?.(error, 0);
    }
  }

  #dropLate(): void {
    this.counts.dropped += 1;
  }

  #stamped(entry: Entry): Pending<Entry> {
    return { ts: new Date(this.#options.clock.now()).toISOString(), entry };
  }

  #flush(durable = false): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    return this.#turns.take(() => this.#writePending(durable));
  }

  async #writePending(durable: boolean): Promise<void> {
    const batch = this.#pending;
    this.#pending = [];
    if (batch.length === 0) return;
    const isWritten = await this.#tryWrite(batch, durable || batch.some(({ onDone }) => onDone));
    for (const { onDone } of batch) onDone?.(isWritten);
  }

  async #tryWrite(batch: readonly Pending<Entry>[], durable: boolean): Promise<boolean> {
    try {
      await this.#openFile();
      const missing = this.#lost > 0 ? [this.#note(`${this.#lost} records could not be written before this one`)] : [];
      await this.#write([...missing, ...batch], durable);
      this.#lost = 0;
      return true;
    } catch (error) {
      this.#lost += batch.length;
      this.counts.dropped += batch.length;
      // Opening it again finds out what is really in it.
      await this.#leave();
      this.#options.onDrop?.(error, batch.length);
      return false;
    }
  }

  /** The file to write to: after a start, when the current one is full or of another day, and when somebody removed it. */
  async #openFile(): Promise<void> {
    if (this.#file && !(await this.#file.isThere())) await this.#leave();
    if (this.#file && this.#isOver(this.#file)) await this.#archive(this.#file);
    if (this.#file) return;
    const { dir, clock, maxTotalBytes } = this.#options;
    await removeOld(dir, clock.now() - this.#options.keepDays() * dayMs);
    if (maxTotalBytes !== undefined) await removeBeyond(dir, maxTotalBytes);
    await this.#begin();
  }

  /** Open the current file where its chain ends; one of a day that is over is put aside once what is in it is known. */
  async #begin(): Promise<void> {
    const { dir, onOpen } = this.#options;
    const { head, torn } = await recoverHead(dir);
    const removedAfter = head.seq < this.#head.seq ? this.#head.seq : undefined;
    this.#head = head;
    this.#file = await AuditFile.open(dir);
    if (this.#isOver(this.#file)) {
      await this.#archive(this.#file);
      this.#file = await AuditFile.open(dir);
    }
    await onOpen?.();
    if (torn) await this.#write([this.#note(`A crash left ${torn.bytes} bytes, kept as ${torn.file}`)], false);
    if (removedAfter) await this.#write([this.#note(`The log was removed after record ${removedAfter}`)], false);
  }

  #isOver(file: AuditFile): boolean {
    const { clock, maxBytes, isDaily } = this.#options;
    if (file.size > maxBytes) return true;
    const today = dayOf(new Date(clock.now()).toISOString());
    return isDaily === true && file.day !== undefined && file.day !== today;
  }

  async #archive(full: AuditFile): Promise<void> {
    this.#file = undefined;
    await full.archive();
  }

  async #leave(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }

  /** The head moves only when the lines are in the file, so that the chain has no hole where records were dropped. */
  async #write(batch: readonly Pending<Entry>[], durable: boolean): Promise<void> {
    let head = this.#head;
    let text = '';
    for (const { ts, entry } of batch) {
      const next = chainLine(head, ts, entry);
      head = next.head;
      text += `${next.line}\n`;
    }
    const first = { seq: this.#head.seq + 1, ts: batch[0]?.ts ?? '' };
    await this.#file?.append(text, { first, durable });
    this.#head = head;
    this.counts.written += batch.length;
    this.#options.onWrite?.(batch.length);
  }

  #note(why: string): Pending<Entry> {
    return this.#stamped(this.#options.noteOf(why));
  }
}
