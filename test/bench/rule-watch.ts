import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Lab } from '../lab/lab.ts';

/** A change that the kernel tells of, such as `delete rule` or `add chain`, and where. */
export interface RuleChange {
  readonly verb: 'add' | 'delete';
  /** Such as `inet coi forward`. */
  readonly chain: string;
}

/** Tells when rules of chains change, as `nft monitor` sees it: for the one who deletes as for the one who puts back. */
export class RuleWatch implements AsyncDisposable {
  readonly #child;
  readonly #waiting = new Set<(change: RuleChange) => void>();

  constructor(lab: Lab) {
    const [file = '', ...args] = lab.inside.argv(['nft', 'monitor']);
    this.#child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let seen: RuleChange[] = [];
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [, verb, chain] = /^(add|delete) (?:rule|chain) (\w+ \w+ \w+)/.exec(line) ?? [];
      if (verb && chain) seen.push({ verb: verb as RuleChange['verb'], chain });
      // Only the end of a transaction makes it so.
      if (!line.startsWith('# new generation')) return;
      for (const change of seen) for (const listener of this.#waiting) listener(change);
      seen = [];
    });
  }

  /** When the next transaction with such a change arrives, as `performance.now()` tells it. */
  next({ verb, chain }: RuleChange, timeoutMs = 10_000): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${verb} of ${chain} within ${timeoutMs} ms`)), timeoutMs);
      const listener = (change: RuleChange) => {
        if (change.verb !== verb || change.chain !== chain) return;
        clearTimeout(timer);
        this.#waiting.delete(listener);
        resolve(performance.now());
      };
      this.#waiting.add(listener);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill();
    await ended;
  }
}
