import { randomUUID } from 'node:crypto';
import { ChainLog } from '../../audit/chain-log.ts';
import type { Clock } from '../../base/clock.ts';
import type { Monitoring } from '../../spec/monitoring.ts';
import type { DetectionEntry } from '../detection-sink.ts';
import type { Severity } from '../severity.ts';
import { LineBudget } from './budget.ts';
import { writeAbout } from './places.ts';
import { fieldsOf, ownerFields, ownRule, type DetectionFields, type LogOwner } from './record.ts';

/** A file is followed by another at this size, and all full ones of a sandbox together have at most so much, in bytes. */
const maxBytes = 2 ** 20;
const maxTotalBytes = 64 * 2 ** 20;

/** What a {@link SandboxLog} is made from. */
export interface SandboxLogInit {
  readonly dir: string;
  readonly owner: LogOwner;
  readonly clock: Clock;
  readonly monitoring: () => Monitoring | undefined;
  /** Days where nobody knows how it is watched. */
  readonly usualDays: number;
  readonly onWrite: (written: number) => void;
  readonly onDrop: (error: unknown, dropped: number) => void;
  /** A detection was beyond what the sandbox may have. */
  readonly onLimit: () => void;
}

/** The detection log of one sandbox: as many lines a minute as it may have, and one that counts the rest. */
export class SandboxLog implements AsyncDisposable {
  readonly #init: SandboxLogInit;
  readonly #chain: ChainLog<DetectionFields>;
  readonly #budget = new LineBudget();
  #timer: Disposable | undefined;
  #usedAt: number;
  #isOpen = true;
  /** What was last written down about the log. */
  #about = '';

  constructor(init: SandboxLogInit) {
    const { dir, clock, onWrite, onDrop } = init;
    this.#init = init;
    this.#usedAt = clock.monotonic();
    this.#chain = new ChainLog({
      dir,
      clock,
      maxBytes,
      maxTotalBytes,
      isDaily: true,
      keepDays: () => this.#days(),
      noteOf: (why) => this.#note({ level: 'high', title: 'The detection log has a gap', description: why }),
      onOpen: () => this.#writeAbout(),
      onWrite,
      onDrop,
    });
  }

  /** Since it was last written to, in milliseconds. */
  get idleFor(): number {
    return this.#init.clock.monotonic() - this.#usedAt;
  }

  /** Whether its file may be open. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  append(entry: DetectionEntry): void {
    const { clock, onLimit } = this.#init;
    const { severity: level, id: rule } = entry.match.rule;
    const now = this.#used();
    if (this.#budget.takes({ level, rule, now })) return this.#chain.append(this.#fields(entry));
    onLimit();
    this.#timer ??= clock.after(this.#budget.left(now), () => this.#sum());
  }

  /** What was done to a sandbox is always written. True when it is on the disk. */
  appendDurable(entry: DetectionEntry): Promise<boolean> {
    this.#used();
    return this.#chain.tryAppendDurable(this.#fields(entry));
  }

  async flush(): Promise<void> {
    await this.#chain.flush();
  }

  /** Close the file until there is more to write. */
  async release(): Promise<void> {
    await this.#chain.release();
    this.#isOpen = false;
  }

  /** Do something to the files while nothing is written to them. */
  async alone(work: () => Promise<void>): Promise<void> {
    await this.#chain.alone(work);
    this.#about = '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#sum();
    await this.#chain[Symbol.asyncDispose]();
  }

  #used(): number {
    this.#isOpen = true;
    this.#usedAt = this.#init.clock.monotonic();
    return this.#usedAt;
  }

  #fields(entry: DetectionEntry): DetectionFields {
    return fieldsOf(entry, this.#init.monitoring());
  }

  /** One line for all that was beyond the budget. */
  #sum(): void {
    this.#timer = undefined;
    const out = this.#budget.takeLeftOut();
    if (!out) return;
    const { count, level, rules } = out;
    this.#used();
    this.#chain.append({
      ...this.#note({
        level,
        title: 'More detections than the log takes',
        description: `${count} detections within a minute were counted and not written down one by one`,
      }),
      count,
      evidence: { rules },
    });
  }

  #note({ level, title, description }: { level: Severity; title: string; description: string }): DetectionFields {
    return {
      id: randomUUID(),
      timestamp: new Date(this.#init.clock.now()).toISOString(),
      level,
      category: 'monitor',
      title,
      description,
      rule: ownRule,
      mitre: '',
      ...ownerFields(this.#init.owner),
      action: 'logged',
      evidence: {},
    };
  }

  #days(): number {
    return this.#init.monitoring()?.logDays ?? this.#init.usualDays;
  }

  async #writeAbout(): Promise<void> {
    const { dir, owner } = this.#init;
    const about = { sandbox: owner.sandbox, instance: owner.instance, logDays: this.#days() };
    const text = JSON.stringify(about);
    if (text === this.#about) return;
    await writeAbout(dir, about);
    this.#about = text;
  }
}
