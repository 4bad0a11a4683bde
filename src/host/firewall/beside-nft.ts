import { Problem } from '../../base/problem.ts';
import { Turns } from '../../base/turns.ts';
import type { LoadedRuleset } from '../../network/compare.ts';
import type { Elements } from '../../network/elements.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import type { ElementChange } from '../nft/batch.ts';
import type { Converged, FirewallInit, NftFirewall } from '../nft/firewall.ts';
import type { ObservedRuleset } from '../nft/listing.ts';
import type { Records } from '../nft/records.ts';
import type { Firewall } from './firewall.ts';

/**
 * What backends share that put rules somewhere else besides nft's tables: one turn at a time, and a memory of what is held
 * there, for as long as nobody else can have written. Such a backend says how to look and how to write; see {@link change}
 * and {@link isWhole}.
 */
export abstract class FirewallBesideNft<Held> implements Firewall {
  protected readonly nft: NftFirewall;
  protected readonly turns = new Turns();
  protected readonly signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #onDrift: FirewallInit['onDrift'];
  #watch: Promise<void> | undefined;
  #held: Held | undefined;
  #doubts = 0;
  #isToCheck = false;

  constructor({ signal, onDrift }: Pick<FirewallInit, 'signal' | 'onDrift'>, nft: NftFirewall) {
    this.nft = nft;
    this.signal = AbortSignal.any([signal, this.#stop.signal]);
    this.#onDrift = onDrift;
  }

  abstract converge(expected: Ruleset | (() => Ruleset), options?: { signal?: AbortSignal }): Promise<Converged>;
  abstract ensure(part: Ruleset): Promise<ElementChange>;
  abstract remove(uids: Iterable<string>): Promise<ElementChange>;
  abstract allow(elements: readonly TimedElement[]): Promise<void>;
  abstract disallow(elements: readonly TimedElement[]): Promise<void>;
  abstract expect(ruleset: Ruleset): Promise<LoadedRuleset>;

  /** What drift is reported as: where the rules besides nft's are. */
  protected abstract readonly place: string;
  /** Whether what was held is in force; looks, and changes nothing. */
  protected abstract isWhole(held: Held): Promise<boolean>;
  /** Whether there is in force what every sandbox's rules stand on. `held` is undefined when that has to be looked at. */
  protected abstract isInForce(held: Held | undefined): Promise<boolean>;
  /** Takes out everything besides nft's. */
  protected abstract takeOut(): Promise<void>;

  loaded(): { readonly elements: Elements } | undefined {
    return this.#held && this.nft.loaded();
  }

  /** Nothing counts as loaded while the rules besides nft's are not in force. */
  observe(options: { fresh?: boolean } = {}): Promise<ObservedRuleset> {
    return this.turns.take(async () => {
      const observed = await this.nft.observe(options);
      const isInForce = await this.isInForce(options.fresh ? undefined : this.#held);
      return isInForce ? observed : { ...observed, skeleton: new Map() };
    });
  }

  get records(): Records {
    return this.nft.records;
  }

  get loads(): number | undefined {
    return this.nft.loads;
  }

  uninstall(): Promise<void> {
    return this.turns.take(async () => {
      this.#held = undefined;
      await this.nft.uninstall();
      await this.takeOut();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Problem({ code: 'firewall.closed', message: 'The firewall was closed' }));
    await this.#watch;
    await this.turns.idle();
    await this.nft[Symbol.asyncDispose]();
  }

  /** Keeps a watch, which ends with `signal`, until the firewall is closed. */
  protected follow(watch: Promise<void>): void {
    this.#watch = watch;
  }

  /**
   * Changes what is held. `write` gets what is remembered, or undefined when it has to look; what it leaves is remembered
   * unless it fails or somebody else may have written since it began. For callers whose turn it is.
   */
  protected async change<Change extends { readonly held: Held }>(
    write: (held: Held | undefined) => Promise<Change>,
  ): Promise<Change> {
    const doubts = this.#doubts;
    const held = this.#held;
    this.#held = undefined;
    const change = await write(held);
    if (doubts === this.#doubts) this.#held = change.held;
    return change;
  }

  /**
   * Somebody wrote where our rules are, as coi does itself: whether they are still whole tells which. Those who write while a
   * check is due need no further one.
   */
  protected async check(): Promise<void> {
    if (this.#isToCheck) return;
    this.#isToCheck = true;
    await this.turns
      .take(async () => {
        this.#isToCheck = false;
        if (this.#held && !(await this.isWhole(this.#held))) this.doubt();
        // What cannot be looked at has to be, with all consequences.
      })
      .catch(() => !this.signal.aborted && this.doubt());
  }

  /** Somebody else wrote, or may have: nothing is remembered. */
  protected doubt(): void {
    this.#doubts++;
    this.#held = undefined;
    this.#onDrift({ kind: 'gap', what: `${this.place} changed` });
  }
}
