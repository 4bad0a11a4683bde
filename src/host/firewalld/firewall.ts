import { Problem } from '../../base/problem.ts';
import { Turns } from '../../base/turns.ts';
import type { LoadedRuleset } from '../../network/compare.ts';
import type { Elements } from '../../network/elements.ts';
import { ownerOf, sandboxRules, sharedOwner, sharedRules } from '../../network/firewalld-rules.ts';
import type { DirectRule } from '../../network/firewalld-rules.ts';
import type { Bridge } from '../../network/policy.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import { renderSkeleton } from '../../network/skeleton.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import type { Firewall } from '../firewall/firewall.ts';
import type { ElementChange } from '../nft/batch.ts';
import { openFirewall } from '../nft/firewall.ts';
import type { Converged, FirewallInit, NftFirewall } from '../nft/firewall.ts';
import type { ObservedRuleset } from '../nft/listing.ts';
import type { Records } from '../nft/records.ts';
import type { BusScope } from './bus.ts';
import { ensureZone } from './direct.ts';
import { convergeRules, lookAtRules, removeAll, repairKernel } from './direct-rules.ts';
import type { HeldRules, RuleCall } from './direct-rules.ts';
import { countRules, findAstray } from './in-kernel.ts';
import { watchFirewalld } from './watch.ts';

/** What {@link openFirewalld} needs besides what nft does. */
export interface FirewalldInit extends FirewallInit, BusScope {
  readonly bridge: Bridge;
}

/**
 * Opens the firewall whose verdicts are firewalld's. Starts its watch; changes nothing by itself.
 *
 * @throws Problem `firewalld.away` within 10 s when it cannot be used; those of nft
 */
export async function openFirewalld(init: FirewalldInit): Promise<FirewalldFirewall> {
  const { bus, signal } = init;
  await lookAtRules({ signal, ...(bus === undefined ? {} : { bus }) });
  return new FirewalldFirewall(init, await openFirewall(init));
}

/**
 * Lets firewalld say what sandboxes may reach, by direct rules that each carry their owner in a comment; nft keeps the rest
 * and carries firewalld's verdict out (`delegated-chains.ts`). Direct rules come before nft's elements, so a new policy's
 * flows are never stamped by an old policy's rules.
 *
 * Every change of a rule costs firewalld about 12 ms, so this suits dozens of sandboxes rather than a thousand.
 *
 * Methods throw the Problems of `bus.ts` and `nft.ts`.
 */
export class FirewalldFirewall implements Firewall {
  readonly #init: FirewalldInit;
  readonly #nft: NftFirewall;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #watch: Promise<void>;
  readonly #skeleton: string;
  readonly #shared: readonly DirectRule[];
  readonly #turns = new Turns();
  #held: HeldRules | undefined;
  #doubts = 0;
  #isToCheck = false;

  constructor(init: FirewalldInit, nft: NftFirewall) {
    this.#init = init;
    this.#nft = nft;
    this.#signal = AbortSignal.any([init.signal, this.#stop.signal]);
    this.#skeleton = renderSkeleton(init.bridge, 'elsewhere');
    this.#shared = sharedRules(init.bridge);
    this.#watch = watchFirewalld({
      ...this.#call(),
      clock: init.clock,
      signal: this.#signal,
      onReload: () => this.#doubt(),
      onHint: () => void this.#check(),
    });
  }

  converge(expected: Ruleset | (() => Ruleset), { signal }: { signal?: AbortSignal } = {}): Promise<Converged> {
    return this.#turns.take(async () => {
      signal?.throwIfAborted();
      const ruleset = typeof expected === 'function' ? expected() : expected;
      const rules = [...sandboxRules(ruleset.elements).values()].flat();
      const direct = await this.#settle(() => rules);
      const nft = await this.#nft.converge(this.#delegated(ruleset), signal ? { signal } : {});
      return {
        reloaded: nft.reloaded,
        added: nft.added + direct.added,
        removed: nft.removed + direct.removed,
        reasons: [...direct.reasons, ...nft.reasons],
      };
    });
  }

  ensure(part: Ruleset): Promise<ElementChange> {
    return this.#turns.take(async () => {
      for (const problem of part.problems.values()) throw problem;
      const byUid = sandboxRules(part.elements);
      const owners = new Set([...part.elements.values()].flatMap((set) => [...set.values()].map(({ uid }) => uid)));
      await this.#settle((others) => [
        ...others.filter((rule) => !owners.has(ownerOf(rule))),
        ...[...byUid.values()].flat(),
      ]);
      return this.#nft.ensure(this.#delegated(part));
    });
  }

  remove(uids: Iterable<string>): Promise<ElementChange> {
    const owners = new Set<string | undefined>(uids);
    return this.#turns.take(async () => {
      const change = await this.#nft.remove([...owners].filter((uid) => uid !== undefined));
      await this.#settle((others) => others.filter((rule) => !owners.has(ownerOf(rule))));
      return change;
    });
  }

  allow(elements: readonly TimedElement[]): Promise<void> {
    return this.#nft.allow(elements);
  }

  disallow(elements: readonly TimedElement[]): Promise<void> {
    return this.#nft.disallow(elements);
  }

  loaded(): { readonly elements: Elements } | undefined {
    return this.#held && this.#nft.loaded();
  }

  /** Without the shared direct rules nothing counts as loaded. */
  observe(options: { fresh?: boolean } = {}): Promise<ObservedRuleset> {
    return this.#turns.take(async () => {
      const observed = await this.#nft.observe(options);
      const held = options.fresh || !this.#held ? await lookAtRules(this.#call()) : this.#held;
      const sharedCount = [...held.values()].filter((rule) => ownerOf(rule) === sharedOwner).length;
      return sharedCount === this.#shared.length ? observed : { ...observed, skeleton: new Map() };
    });
  }

  expect(ruleset: Ruleset): Promise<LoadedRuleset> {
    return this.#nft.expect(this.#delegated(ruleset));
  }

  get records(): Records {
    return this.#nft.records;
  }

  get loads(): number | undefined {
    return this.#nft.loads;
  }

  uninstall(): Promise<void> {
    return this.#turns.take(async () => {
      this.#held = undefined;
      await this.#nft.uninstall();
      await removeAll(this.#call());
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Problem({ code: 'firewalld.closed', message: 'The firewall was closed' }));
    await this.#watch;
    await this.#turns.idle();
    await this.#nft[Symbol.asyncDispose]();
  }

  /** Makes the direct rules what the shared ones and these say; looks only when something may have changed. */
  async #settle(sandboxes: (others: readonly DirectRule[]) => readonly DirectRule[]) {
    const doubts = this.#doubts;
    const isSure = this.#held !== undefined;
    const before = this.#held ?? (await lookAtRules(this.#call()));
    const others = [...before.values()].filter((rule) => ownerOf(rule) !== sharedOwner && ownerOf(rule) !== undefined);
    this.#held = undefined;
    const wanted = [...this.#shared, ...sandboxes(others)];
    const { held, added, removed } = await convergeRules(wanted, before, this.#call());
    const reasons = added + removed > 0 ? [`${added} direct rules missing and ${removed} unexpected at firewalld`] : [];
    if (!isSure) {
      const astray = await repairKernel(held, this.#call());
      reasons.push(
        ...astray.map(({ ipv, chain }) => `the kernel's ${ipv} chain ${chain} is not as firewalld believes`),
      );
      await ensureZone(this.#init.bridge.name, this.#call());
    }
    if (doubts === this.#doubts) this.#held = held;
    return { added, removed, reasons };
  }

  /**
   * Somebody wrote to the tables of our rules, as coi does itself: whether they are still whole tells which. Those who write
   * while a check is due need no further one.
   */
  async #check(): Promise<void> {
    if (this.#isToCheck) return;
    this.#isToCheck = true;
    await this.#turns
      .take(async () => {
        this.#isToCheck = false;
        if (!this.#held) return;
        const astray = findAstray([...this.#held.values()], await countRules(this.#call()));
        if (astray.length > 0) this.#doubt();
        // What cannot be listed has to be looked at with all consequences.
      })
      .catch(() => !this.#signal.aborted && this.#doubt());
  }

  #doubt(): void {
    this.#doubts++;
    this.#held = undefined;
    this.#init.onDrift({ kind: 'gap', what: 'firewalld or its tables changed' });
  }

  #delegated(ruleset: Ruleset): Ruleset {
    return { ...ruleset, skeleton: this.#skeleton };
  }

  #call(): RuleCall {
    const { bus, namespace } = this.#init;
    return {
      signal: this.#signal,
      ...(bus === undefined ? {} : { bus }),
      ...(namespace === undefined ? {} : { namespace }),
    };
  }
}
