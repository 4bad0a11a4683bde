import { ulid } from 'ulid';
import { chooseEndpoint } from '../network/endpoint.ts';
import type { Bridge } from '../network/policy.ts';
import type { Reservation } from '../plan/render-instance.ts';
import type { NetworkRules } from '../network/rules.ts';
import { watchOf, type WatchedFlows } from '../plan/watched-flows.ts';

/** A reservation together with the policy its rules were loaded for. */
export interface Reserved extends Reservation, WatchedFlows {
  readonly network: NetworkRules;
}

interface ReservationInit extends WatchedFlows {
  readonly bridge: Bridge;
  readonly taken: Iterable<string>;
  readonly network: NetworkRules;
}

/**
 * uid and addresses of instances that do not exist yet. Kept in memory only: after a crash their rules belong to nobody and
 * are removed, and the next attempt chooses anew.
 */
export class Reservations {
  readonly #byName = new Map<string, Reserved>();
  readonly #created = new Set<string>();
  /** Names of the instances that were begun to be created, by uid. */
  readonly #begun = new Map<string, string>();

  of(name: string): Reserved | undefined {
    return this.#byName.get(name);
  }

  /** Every reservation with the name of its sandbox. */
  named(): Iterable<readonly [string, Reserved]> {
    return this.#byName;
  }

  /**
   * Choose a uid and free addresses, or keep those that were chosen before for the same sandbox.
   * @param taken IPv4 addresses of every instance that exists
   * @throws {Problem} when the bridge has no address left
   */
  reserve(name: string, { bridge, taken, network, watched }: ReservationInit): Reserved {
    const watch = watchOf({ watched });
    const before = this.#byName.get(name);
    if (before) {
      const kept = { uid: before.uid, endpoint: before.endpoint, network, ...watch };
      this.#byName.set(name, kept);
      return kept;
    }
    const uid = ulid();
    const reservedHere = [...this.#byName.values()].map(({ endpoint }) => endpoint.ipv4);
    const endpoint = chooseEndpoint({ uid, bridge, taken: new Set([...taken, ...reservedHere]) });
    const reserved = { uid, endpoint, network, ...watch };
    this.#byName.set(name, reserved);
    return reserved;
  }

  /** Remember that this process saw a creation succeed, so that a stopped instance is not taken for a wreck. */
  markCreated(uid: string): void {
    this.#created.add(uid);
  }

  /** A creation begins, maybe anew: from now on there may be an instance, and until it succeeds a half-made one. */
  beginCreation(uid: string, instance: string): void {
    this.#created.delete(uid);
    this.#begun.set(uid, instance);
  }

  /** The instance that may have come to be for a sandbox, whether or not anybody has seen it. */
  begun(name: string): string | undefined {
    return this.#begun.get(this.#byName.get(name)?.uid ?? '');
  }

  wasCreated(uid: string): boolean {
    return this.#created.has(uid);
  }

  /** The instance exists and speaks for itself from now on. */
  settle(name: string): void {
    this.#begun.delete(this.#byName.get(name)?.uid ?? '');
    this.#byName.delete(name);
  }

  release(uid: string): void {
    this.#created.delete(uid);
    this.#begun.delete(uid);
    for (const [name, reserved] of this.#byName) if (reserved.uid === uid) this.#byName.delete(name);
  }
}
