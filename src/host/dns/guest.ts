import type { Family } from '../../network/address.ts';
import { DeniedNames } from '../../network/names/denied-name.ts';
import type { KnownNames } from '../../network/names/known-names.ts';
import { nameRules } from '../../network/names/name-rules.ts';
import type { Seat } from '../../network/names/reachable.ts';
import { TokenBucket } from '../../network/names/token-bucket.ts';
import { newNames } from '../../network/names/tunnel-limits.ts';
import type { NetworkPolicy } from '../../network/policy.ts';

/** Questions of one sandbox that are looked at; the kernel lets twice as many through. */
const questionRate = { perSecond: 100, burst: 300 } as const;
/** Names asked for by wildcards that are remembered, so that asking again is no new name. */
const mostAsked = 1_000;

/** One sandbox with an allowlist, as the resolver knows it. */
export class Guest {
  readonly known: KnownNames;
  readonly denied = new DeniedNames();
  readonly questions: TokenBucket;
  /** Questions that wait for an answer. */
  underWay = 0;
  /** Whether its policy was taken away. */
  isGone = false;
  /** When named entries are looked up again, on the monotonic clock; undefined for never. */
  refreshAt: number | undefined;
  #policy: NetworkPolicy;
  #seat: Seat;
  readonly #newNames: TokenBucket;
  readonly #asked = new Set<string>();

  constructor(policy: NetworkPolicy, known: KnownNames, now: number) {
    this.known = known;
    this.#policy = policy;
    this.#seat = seatOf(policy);
    this.questions = new TokenBucket(questionRate, now);
    this.#newNames = new TokenBucket({ burst: newNames.burst, perSecond: newNames.perMinute / 60 }, now);
    this.refreshAt = this.#nextRefresh(now);
  }

  get seat(): Seat {
    return this.#seat;
  }

  get policy(): NetworkPolicy {
    return this.#policy;
  }

  get families(): readonly Family[] {
    return this.#seat.endpoint.ipv6 === undefined ? [4] : [4, 6];
  }

  /** Takes a policy over. @returns whether it means something else than before */
  adopt(policy: NetworkPolicy, now: number): boolean {
    const before = this.#policy;
    this.#policy = policy;
    if (before.rules === policy.rules && sameEndpoint(before, policy)) return false;
    if (JSON.stringify(before.rules) === JSON.stringify(policy.rules) && sameEndpoint(before, policy)) return false;
    this.#seat = seatOf(policy);
    this.refreshAt = this.#nextRefresh(now);
    return true;
  }

  refreshed(now: number): void {
    this.refreshAt = this.#nextRefresh(now);
  }

  /** Whether a name that a wildcard stands for may be asked for: one asked for before, or one of a few new ones. */
  mayAsk(name: string, now: number): boolean {
    if (this.#asked.has(name)) return true;
    if (!this.#newNames.take(now)) return false;
    this.#asked.add(name);
    const [oldest] = this.#asked;
    if (this.#asked.size > mostAsked && oldest !== undefined) this.#asked.delete(oldest);
    return true;
  }

  #nextRefresh(now: number): number | undefined {
    const { refreshMinutes = 0 } = this.#policy.rules;
    return refreshMinutes > 0 ? now + refreshMinutes * 60_000 : undefined;
  }
}

function seatOf({ uid, endpoint, rules }: NetworkPolicy): Seat {
  return { uid, endpoint, rules: nameRules(rules) };
}

function sameEndpoint({ endpoint: a }: NetworkPolicy, { endpoint: b }: NetworkPolicy): boolean {
  return a.ipv4 === b.ipv4 && a.ipv6 === b.ipv6;
}
