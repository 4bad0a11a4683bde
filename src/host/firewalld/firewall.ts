import type { LoadedRuleset } from '../../network/compare.ts';
import { ownerOf, sandboxRules, sharedOwner, sharedRules } from '../../network/firewalld-rules.ts';
import type { DirectRule } from '../../network/firewalld-rules.ts';
import type { Bridge } from '../../network/policy.ts';
import type { Ruleset } from '../../network/ruleset.ts';
import { renderSkeleton } from '../../network/skeleton.ts';
import type { TimedElement } from '../../network/timed-elements.ts';
import { FirewallBesideNft } from '../firewall/beside-nft.ts';
import type { ElementChange } from '../nft/batch.ts';
import { openFirewall } from '../nft/firewall.ts';
import type { Converged, FirewallInit, NftFirewall } from '../nft/firewall.ts';
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
export class FirewalldFirewall extends FirewallBesideNft<HeldRules> {
  protected override readonly place = 'firewalld or its tables';
  readonly #init: FirewalldInit;
  readonly #skeleton: string;
  readonly #shared: readonly DirectRule[];

  constructor(init: FirewalldInit, nft: NftFirewall) {
    super(init, nft);
    this.#init = init;
    this.#skeleton = renderSkeleton(init.bridge, 'elsewhere');
    this.#shared = sharedRules(init.bridge);
    this.follow(
      watchFirewalld({
        ...this.#call(),
        clock: init.clock,
        signal: this.signal,
        onReload: () => this.doubt(),
        onHint: () => void this.check(),
      }),
    );
  }

  converge(expected: Ruleset | (() => Ruleset), { signal }: { signal?: AbortSignal } = {}): Promise<Converged> {
    return this.turns.take(async () => {
      signal?.throwIfAborted();
      const ruleset = typeof expected === 'function' ? expected() : expected;
      const rules = [...sandboxRules(ruleset.elements).values()].flat();
      const direct = await this.#settle(() => rules);
      const nft = await this.nft.converge(this.#delegated(ruleset), signal ? { signal } : {});
      return {
        reloaded: nft.reloaded,
        added: nft.added + direct.added,
        removed: nft.removed + direct.removed,
        reasons: [...direct.reasons, ...nft.reasons],
      };
    });
  }

  ensure(part: Ruleset): Promise<ElementChange> {
    return this.turns.take(async () => {
      for (const problem of part.problems.values()) throw problem;
      const byUid = sandboxRules(part.elements);
      const owners = new Set([...part.elements.values()].flatMap((set) => [...set.values()].map(({ uid }) => uid)));
      await this.#settle((others) => [
        ...others.filter((rule) => !owners.has(ownerOf(rule))),
        ...[...byUid.values()].flat(),
      ]);
      return this.nft.ensure(this.#delegated(part));
    });
  }

  remove(uids: Iterable<string>): Promise<ElementChange> {
    const owners = new Set<string | undefined>(uids);
    return this.turns.take(async () => {
      const change = await this.nft.remove([...owners].filter((uid) => uid !== undefined));
      await this.#settle((others) => others.filter((rule) => !owners.has(ownerOf(rule))));
      return change;
    });
  }

  allow(elements: readonly TimedElement[]): Promise<void> {
    return this.nft.allow(elements);
  }

  disallow(elements: readonly TimedElement[]): Promise<void> {
    return this.nft.disallow(elements);
  }

  expect(ruleset: Ruleset): Promise<LoadedRuleset> {
    return this.nft.expect(this.#delegated(ruleset));
  }

  protected override async isWhole(held: HeldRules): Promise<boolean> {
    return findAstray([...held.values()], await countRules(this.#call())).length === 0;
  }

  protected override async isInForce(held: HeldRules | undefined): Promise<boolean> {
    const rules = held ?? (await lookAtRules(this.#call()));
    return [...rules.values()].filter((rule) => ownerOf(rule) === sharedOwner).length === this.#shared.length;
  }

  protected override takeOut(): Promise<void> {
    return removeAll(this.#call());
  }

  /** Makes the direct rules what the shared ones and these say; looks only when something may have changed. */
  #settle(sandboxes: (others: readonly DirectRule[]) => readonly DirectRule[]) {
    return this.change(async (remembered) => {
      const before = remembered ?? (await lookAtRules(this.#call()));
      const others = [...before.values()].filter(
        (rule) => ownerOf(rule) !== sharedOwner && ownerOf(rule) !== undefined,
      );
      const wanted = [...this.#shared, ...sandboxes(others)];
      const { held, added, removed } = await convergeRules(wanted, before, this.#call());
      const reasons =
        added + removed > 0 ? [`${added} direct rules missing and ${removed} unexpected at firewalld`] : [];
      if (!remembered) {
        const astray = await repairKernel(held, this.#call());
        reasons.push(
          ...astray.map(({ ipv, chain }) => `the kernel's ${ipv} chain ${chain} is not as firewalld believes`),
        );
        await ensureZone(this.#init.bridge.name, this.#call());
      }
      return { held, added, removed, reasons };
    });
  }

  #delegated(ruleset: Ruleset): Ruleset {
    return { ...ruleset, skeleton: this.#skeleton };
  }

  #call(): RuleCall {
    const { bus, namespace } = this.#init;
    return {
      signal: this.signal,
      ...(bus === undefined ? {} : { bus }),
      ...(namespace === undefined ? {} : { namespace }),
    };
  }
}
