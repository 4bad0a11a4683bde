import type { Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { untilAborted } from '../../base/until-aborted.ts';
import type { Family } from '../../network/address.ts';
import { graceTime, leastMargin, staleTtl } from '../../network/names/lifetimes.ts';
import { judgeName } from '../../network/names/name-rules.ts';
import { placesOf } from '../../network/names/reachable.ts';
import type { Guest } from './guest.ts';
import type { Resolved, Resolver } from './resolver.ts';
import type { LastingPlace, TimedSets } from './timed-sets.ts';

/** What {@link Lookups} needs. */
export interface LookupsInit {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly sets: TimedSets;
  readonly isUsable: (address: string, guest: Guest) => boolean;
  readonly onLearned: (guest: Guest) => void;
}

/** Names of one sandbox that are looked up at the same time. */
const mostAtOnce = 16;

/** What became of one name: how many addresses may be reached, or why none. */
interface LookedUp {
  readonly name: string;
  /** Addresses it led to that may be reached, with until when, in milliseconds of the monotonic clock. */
  readonly addresses: ReadonlyMap<string, number>;
  readonly fault: string | undefined;
}

/** Looks up what an allowlist names, without being asked by the sandbox. */
export class Lookups {
  readonly #init: LookupsInit;

  constructor(init: LookupsInit) {
    this.#init = init;
  }

  /**
   * Looks up every entry that names one host, and opens what they lead to.
   *
   * @throws Problem `network.names` when there are such entries, none of them leads anywhere, and no address is listed
   */
  async prepare(guest: Guest, signal: AbortSignal): Promise<void> {
    const names = await untilAborted(this.#lookAll(guest), signal);
    await this.#openAll(guest, names);
    const isLost =
      names.length > 0 && !guest.seat.rules.hasAddresses && names.every(({ fault }) => fault !== undefined);
    if (isLost) throw unreachable(names);
  }

  /** Looks up every entry that names one host, unless its answer still counts. */
  async refresh(guest: Guest): Promise<void> {
    await this.#openAll(guest, await this.#lookAll(guest));
  }

  async #openAll(guest: Guest, names: readonly LookedUp[]): Promise<void> {
    if (guest.isGone) return;
    const { sets, clock, onLearned } = this.#init;
    // The list may have changed since they were looked up. From here to the firewall nothing waits.
    const places = names.flatMap((each) => this.#placesOf(guest, each));
    const least = clock.monotonic() + leastMargin * 1_000;
    await sets.ensure(places, least);
    onLearned(guest);
  }

  #placesOf(guest: Guest, { name, addresses }: LookedUp): LastingPlace[] {
    const verdict = judgeName(guest.seat.rules, name);
    if (verdict.kind === 'denied') return [];
    return [...addresses].flatMap(([address, until]) => {
      if (!this.#init.isUsable(address, guest)) return [];
      return placesOf(guest.seat, address, verdict.ports).map((place) => ({ ...place, until }));
    });
  }

  async #lookAll(guest: Guest): Promise<LookedUp[]> {
    const names = [...guest.seat.rules.exact.keys()];
    const results: LookedUp[] = [];
    for (let from = 0; from < names.length; from += mostAtOnce) {
      const some = names.slice(from, from + mostAtOnce);
      results.push(...(await Promise.all(some.map((name) => this.#lookUp(guest, name)))));
    }
    return results;
  }

  async #lookUp(guest: Guest, name: string): Promise<LookedUp> {
    const byFamily = await Promise.all(guest.families.map((family) => this.#lookFamily(guest, { name, family })));
    const addresses = new Map(byFamily.flatMap((each) => [...each.addresses]));
    const [fault] = byFamily.flatMap((each) => each.fault ?? []);
    return { name, addresses, fault: addresses.size > 0 ? undefined : fault };
  }

  async #lookFamily(
    guest: Guest,
    { name, family }: { readonly name: string; readonly family: Family },
  ): Promise<Omit<LookedUp, 'name'>> {
    const { resolver, clock, isUsable } = this.#init;
    const found = await resolver.look(name, family).catch((): Resolved | undefined => {
      // That no server answers is told below, with the name, where nothing was known before either.
      const last = guest.known.last(name, family);
      return last && { kind: 'addresses', addresses: last, ttl: staleTtl };
    });
    if (!found) return nothing('no name server answered');
    if (found.kind !== 'addresses') return nothing('it has no address');
    const addresses = found.addresses.filter((address) => isUsable(address, guest));
    if (addresses.length === 0) return nothing('its addresses are private, special or this host’s own');
    const until = clock.monotonic() + (found.ttl + graceTime) * 1_000;
    guest.known.learn(name, family, { addresses, until });
    return { addresses: new Map(addresses.map((address) => [address, until])), fault: undefined };
  }
}

function nothing(fault: string): Omit<LookedUp, 'name'> {
  return { addresses: new Map(), fault };
}

function unreachable(names: readonly LookedUp[]): Problem {
  const shown = names.slice(0, 5).map(({ name, fault }) => `${name} (${fault})`);
  const more = names.length > shown.length ? `, and ${names.length - shown.length} more` : '';
  return new Problem({
    code: 'network.names',
    message: `None of the names in network.allowed_domains leads to an address it may reach: ${shown.join(', ')}${more}`,
    hint: 'Check the names, and the name servers in /etc/resolv.conf of this host; it is tried again.',
    retry: 'backoff',
  });
}
