import type { LoadedRuleset } from '../../network/compare.ts';
import type { Elements } from '../../network/elements.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import type { ElementChange } from '../nft/batch.ts';
import type { Converged } from '../nft/firewall.ts';
import type { ObservedRuleset } from '../nft/listing.ts';
import type { Records } from '../nft/records.ts';

/**
 * What holds sandboxes to their policies, whatever does it on this host. There is one writer of it: whoever has this.
 * Rules are handed over as nft's elements, which say all of a policy; each backend makes of them what it needs.
 *
 * Whatever the backend, nft keeps identity, marks, host services, neighbours and address translation, and the kernel's
 * block policies stand behind it. Every backend has a sandbox reach nothing while its own part is missing.
 */
export interface Firewall extends AsyncDisposable {
  /**
   * Makes the rules what they should be. What `expected` does not name is removed. A function is called when it is this
   * call's turn, so that it can include what was added meanwhile.
   */
  converge(expected: Ruleset | (() => Ruleset), options?: { signal?: AbortSignal }): Promise<Converged>;
  /**
   * Makes sure that the rules of the rendered policies are in force; those of other owners stay.
   *
   * @throws {Problem} the first problem of a policy that was left out of `part`
   */
  ensure(part: Ruleset): Promise<ElementChange>;
  /** Removes every rule of these owners. */
  remove(uids: Iterable<string>): Promise<ElementChange>;
  /** Lets sandboxes reach addresses for a while, from now on. Resolves once they can. */
  allow(elements: readonly TimedElement[]): Promise<void>;
  /** Takes such addresses out again. */
  disallow(elements: readonly TimedElement[]): Promise<void>;
  /** What is in force, as far as it is remembered without asking; undefined since somebody else may have written. */
  loaded(): { readonly elements: Elements } | undefined;
  /** What is in force: as remembered while nobody else writes, looked at anew with `fresh`. */
  observe(options?: { fresh?: boolean }): Promise<ObservedRuleset>;
  /** What a ruleset looks like once it is in force: the other side of a comparison with {@link observe}. */
  expect(ruleset: Ruleset): Promise<LoadedRuleset>;
  /** What the kernel counts and holds, which is nft's whatever the backend. */
  readonly records: Records;
  /** How often everything was loaded anew: each time all counts and records start from nothing. Undefined while it may be happening. */
  readonly loads: number | undefined;
  /** Takes every rule away. Sandboxes that still run then have only the kernel's block policies. */
  uninstall(): Promise<void>;
}
