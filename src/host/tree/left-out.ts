/**
 * Why something is not in a copy: `kind` neither file, directory nor link; `name` not a name here, or taken;
 * `exists` something of another kind is there; `unreadable` refused or gone where it comes from; `unwritable` refused
 * where it goes; `too-deep`, `too-many`, `too-large` beyond a limit.
 */
export type LeftOutReason =
  | 'kind'
  | 'name'
  | 'exists'
  | 'unreadable'
  | 'unwritable'
  | 'too-deep'
  | 'too-many'
  | 'too-large';

/** What is not in a copy. */
export interface LeftOutReport {
  /** A directory counts once, with all that is in it. */
  readonly count: number;
  /** The first few, as people can read them. */
  readonly examples: readonly { readonly path: string; readonly reason: LeftOutReason }[];
}

const maxExamples = 20;
const maxShown = 200;

/** Collects what is left out, with a few examples however much it is. */
export class LeftOut {
  readonly #examples: { readonly path: string; readonly reason: LeftOutReason }[] = [];
  readonly #reasons = new Set<LeftOutReason>();
  #count = 0;

  add(reason: LeftOutReason, path: Buffer): void {
    this.#count += 1;
    this.#reasons.add(reason);
    if (this.#examples.length < maxExamples) this.#examples.push({ path: shown(path), reason });
  }

  /** Whether anything is left out for a reason. */
  has(reason: LeftOutReason): boolean {
    return this.#reasons.has(reason);
  }

  report(): LeftOutReport {
    return { count: this.#count, examples: this.#examples };
  }
}

/** A path for people: on one line, nothing in it that a terminal acts on, its end cut off if it is long. */
function shown(path: Buffer): string {
  const text = path.subarray(0, maxShown).toString('utf8');
  return text.replace(/[^\P{C}]/gu, '?') + (path.length > maxShown ? '…' : '');
}
