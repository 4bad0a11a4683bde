import type { Clock } from '../../base/clock.ts';
import type { KnownNames } from '../../network/names/known-names.ts';
import type { NetworkPolicy } from '../../network/policy.ts';
import { Guest } from './guest.ts';

/** Whose policy says what, as last followed, and which sandboxes the resolver answers. */
export class GuestBook {
  readonly #clock: Clock;
  readonly #load: (uid: string) => Promise<KnownNames>;
  readonly #followed = new Map<string, NetworkPolicy>();
  readonly #guests = new Map<string, Guest>();
  readonly #byAddress = new Map<string, Guest>();

  constructor(clock: Clock, load: (uid: string) => Promise<KnownNames>) {
    this.#clock = clock;
    this.#load = load;
  }

  at(address: string): Guest | undefined {
    return this.#byAddress.get(address);
  }

  of(uid: string): Guest | undefined {
    return this.#guests.get(uid);
  }

  all(): Iterable<Guest> {
    return this.#guests.values();
  }

  /** The policy that was last followed. */
  followed(uid: string): NetworkPolicy | undefined {
    return this.#followed.get(uid);
  }

  uids(): string[] {
    return [...this.#followed.keys()];
  }

  /** Reads what is known of the names of sandboxes that come anew, so that {@link adopt} need not wait for it. */
  async fetch(policies: readonly NetworkPolicy[]): Promise<ReadonlyMap<string, KnownNames>> {
    const anew = policies.filter(({ uid, rules }) => rules.mode === 'allowlist' && !this.#guests.has(uid));
    return new Map(await Promise.all(anew.map(async ({ uid }) => [uid, await this.#load(uid)] as const)));
  }

  /** Takes one policy over. @returns its sandbox, when what it may reach may have changed by that */
  adopt(policy: NetworkPolicy, fetched: ReadonlyMap<string, KnownNames>): Guest | undefined {
    const { uid, rules, endpoint } = policy;
    this.#followed.set(uid, policy);
    const before = this.#guests.get(uid);
    if (rules.mode !== 'allowlist') {
      this.#remove(before);
      return undefined;
    }
    const known = fetched.get(uid);
    if (before) return before.adopt(policy, this.#clock.monotonic()) ? before : undefined;
    // It was of another mode when its policy was fetched for; the next pass fetches what it knows.
    if (!known) return undefined;
    const guest = new Guest(policy, known, this.#clock.monotonic());
    this.#guests.set(uid, guest);
    for (const address of [endpoint.ipv4, endpoint.ipv6]) {
      if (address !== undefined) this.#byAddress.set(address, guest);
    }
    return guest;
  }

  forget(uid: string): void {
    this.#followed.delete(uid);
    this.#remove(this.#guests.get(uid));
  }

  #remove(guest: Guest | undefined): void {
    if (!guest) return;
    guest.isGone = true;
    this.#guests.delete(guest.seat.uid);
    for (const [address, each] of this.#byAddress) if (each === guest) this.#byAddress.delete(address);
  }
}
