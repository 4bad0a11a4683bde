import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

/** One object of `nft -j`, keyed by its kind. See libnftables-json(5). */
export type NftObject = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** An nft that stays open in a network namespace: a listing costs a millisecond instead of a process. */
export class NftShell implements Disposable {
  readonly #child: ChildProcess;
  readonly #waiting: ((objects: readonly NftObject[]) => void)[] = [];

  constructor(netns: string) {
    this.#child = spawn('nsenter', [`--net=${netns}`, 'nft', '-j', '-i'], { stdio: ['pipe', 'pipe', 'ignore'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      const start = line.indexOf('{"nftables"');
      if (start === -1) return;
      const { nftables } = JSON.parse(line.slice(start)) as { nftables: readonly NftObject[] };
      this.#waiting.shift()?.(nftables);
    });
  }

  /** The answer to a listing that cannot fail, such as `list ruleset`. */
  list(what: 'ruleset' | 'sets' | 'maps'): Promise<readonly NftObject[]> {
    return new Promise((resolve, reject) => {
      if (this.#child.exitCode !== null) reject(new Error('nft has ended'));
      this.#waiting.push(resolve);
      this.#child.stdin!.write(`list ${what}\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#child.stdin!.end();
    this.#child.kill();
  }
}
