import type { Clock } from '../../base/clock.ts';
import type { QueryResult } from '../../metrics/labels.ts';
import type { Family } from '../../network/address.ts';
import type { NameDenial } from '../../network/names/denied-name.ts';
import { graceTime, leastMargin, staleTtl } from '../../network/names/lifetimes.ts';
import { judgeName } from '../../network/names/name-rules.ts';
import { questionName } from '../../network/names/question-name.ts';
import { placesOf } from '../../network/names/reachable.ts';
import type { Guest } from './guest.ts';
import type { Resolved, Resolver } from './resolver.ts';
import type { TimedSets } from './timed-sets.ts';
import { readQuery, writeReply } from './wire.ts';
import type { Query, Reply } from './wire.ts';

/** What {@link Answers} needs. */
export interface AnswersInit {
  readonly clock: Clock;
  readonly resolver: Resolver;
  readonly sets: TimedSets;
  readonly guestAt: (address: string) => Guest | undefined;
  readonly isUsable: (address: string, guest: Guest) => boolean;
  /** Something new is known of names. */
  readonly onLearned: (guest: Guest) => void;
  readonly onQuery: (result: QueryResult) => void;
  readonly onAsked: OnAsked;
  /** A question could not be answered for a reason that lies here. */
  readonly onFailure: (error: unknown) => void;
}

/** A question of a sandbox that was looked at. The name is of any content and at most 255 bytes long. */
export interface Asked {
  readonly name: string;
  /** Kind of record: `A`, `TXT`, `UNKNOWN_999`. */
  readonly type: string;
  readonly result: QueryResult;
}

/** Told of a question once it is answered. Never throws and does not wait. */
export type OnAsked = (uid: string, asked: Asked) => void;

/** How long is waited for servers before what was known before is answered, in milliseconds. See RFC 8767, section 5. */
const staleAfterMs = 1_500;
/** Questions that wait for an answer, in all and of one sandbox. */
const mostUnderWay = 2_000;
const mostUnderWayEach = 100;
/** Places that one sandbox may have in the timed sets. */
const mostPlaces = 4_096;
const longestStreamReply = 16_384;

interface Outcome {
  readonly reply: Reply;
  readonly result: QueryResult;
}

/** Answers the questions of sandboxes: what their allowlists name, once the addresses may be reached, and nothing else. */
export class Answers {
  readonly #init: AnswersInit;
  #underWay = 0;

  constructor(init: AnswersInit) {
    this.#init = init;
  }

  /** The answer to a packet; undefined for what deserves none. Never throws. */
  async answer(packet: Buffer, from: string, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    const guest = this.#init.guestAt(from);
    const query = guest && readQuery(packet);
    if (!guest || !query) {
      this.#init.onQuery('dropped');
      return undefined;
    }
    const { reply, result } = await this.#counted(guest, query);
    this.#init.onQuery(result);
    this.#init.onAsked(guest.seat.uid, { name: query.name, type: query.type, result });
    return writeReply(query, reply, transport === 'udp' ? query.udpSize : longestStreamReply);
  }

  async #counted(guest: Guest, query: Query): Promise<Outcome> {
    const isTooMuch =
      !guest.questions.take(this.#init.clock.monotonic()) ||
      guest.underWay >= mostUnderWayEach ||
      this.#underWay >= mostUnderWay;
    if (isTooMuch) return this.#deny(guest, query, 'rate');
    guest.underWay += 1;
    this.#underWay += 1;
    try {
      return await this.#outcome(guest, query);
    } catch (error) {
      this.#init.onFailure(error);
      return { reply: { kind: 'failed' }, result: 'failed' };
    } finally {
      guest.underWay -= 1;
      this.#underWay -= 1;
    }
  }

  async #outcome(guest: Guest, query: Query): Promise<Outcome> {
    const name = questionName(query.name);
    if (name === undefined) return this.#deny(guest, query, 'unlisted');
    const verdict = judgeName(guest.seat.rules, name);
    if (verdict.kind === 'denied') return this.#deny(guest, query, verdict.reason);
    const family = query.type === 'A' ? 4 : query.type === 'AAAA' ? 6 : undefined;
    // What else there is about a name is not needed to reach it, and can carry anything.
    if (family === undefined || !guest.families.includes(family)) return { reply: { kind: 'empty' }, result: 'empty' };
    if (verdict.byWildcard && !guest.mayAsk(name, this.#init.clock.monotonic())) {
      return this.#deny(guest, query, 'suspicious');
    }
    const found = await this.#find(guest, name, family);
    if (found === undefined) return { reply: { kind: 'failed' }, result: 'failed' };
    if (found.kind !== 'addresses') return { reply: { kind: found.kind }, result: found.kind };
    return this.#open(guest, query, { name, family, ...found });
  }

  /** What servers say, or what was known before while they say nothing. */
  async #find(guest: Guest, name: string, family: Family): Promise<(Resolved & { isStale?: true }) | undefined> {
    const { resolver, clock } = this.#init;
    const cached = resolver.cached(name, family);
    if (cached) return cached;
    const last = guest.known.last(name, family);
    const stale =
      last && last.length > 0
        ? ({ kind: 'addresses', addresses: last, ttl: staleTtl, isStale: true } as const)
        : undefined;
    // The failure is known to whoever looks at the servers; here it means that they said nothing.
    const looked = resolver.look(name, family).catch(() => stale);
    if (!stale) return looked;
    const { promise: patience, resolve: losePatience } = Promise.withResolvers<typeof stale>();
    using _ = clock.after(staleAfterMs, () => losePatience(stale));
    return await Promise.race([looked, patience]);
  }

  /** Lets the sandbox reach what may be reached of an answer, and only then answers. */
  async #open(
    guest: Guest,
    query: Query,
    {
      name,
      family,
      addresses,
      ttl,
      isStale,
    }: {
      readonly name: string;
      readonly family: Family;
      readonly addresses: readonly string[];
      readonly ttl: number;
      readonly isStale?: true;
    },
  ): Promise<Outcome> {
    const { clock, sets, isUsable, onLearned } = this.#init;
    // Its policy may be another one than when the question came. From here to the firewall nothing waits.
    const verdict = judgeName(guest.seat.rules, name);
    if (guest.isGone || verdict.kind === 'denied') return this.#deny(guest, query, 'unlisted');
    const usable = addresses.filter((address) => isUsable(address, guest));
    if (usable.length < addresses.length) this.#note(guest, query, 'private answer');
    if (usable.length === 0) return this.#nothingUsable(guest, name, family);
    const now = clock.monotonic();
    const until = now + (ttl + graceTime) * 1_000;
    const places = usable.flatMap((address) => placesOf(guest.seat, address, verdict.ports));
    if (sets.count(guest.seat.uid) + places.length > mostPlaces) return this.#deny(guest, query, 'rate');
    const isNews = guest.known.learn(name, family, { addresses: usable, until });
    const least = now + (ttl + leastMargin) * 1_000;
    const wrote = await sets.ensure(
      places.map((place) => ({ ...place, until })),
      least,
    );
    if (wrote || isNews) onLearned(guest);
    return { reply: { kind: 'addresses', addresses: usable, ttl }, result: isStale ? 'stale' : 'answered' };
  }

  /** That there is no such name would speak for the other family, too: it is said only when that has nothing either. */
  async #nothingUsable(guest: Guest, name: string, family: Family): Promise<Outcome> {
    const other = family === 4 ? 6 : 4;
    const found = guest.families.includes(other) ? await this.#find(guest, name, other) : undefined;
    const hasOther = found?.kind === 'addresses' && found.addresses.some((each) => this.#init.isUsable(each, guest));
    return { reply: { kind: hasOther ? 'empty' : 'absent' }, result: 'denied' };
  }

  #deny(guest: Guest, query: Query, reason: NameDenial): Outcome {
    this.#note(guest, query, reason);
    if (reason === 'rate') return { reply: { kind: 'refused' }, result: 'limited' };
    return { reply: { kind: 'absent' }, result: 'denied' };
  }

  #note(guest: Guest, { name, type }: Query, reason: NameDenial): void {
    guest.denied.add({ name, type, reason }, this.#init.clock.now());
  }
}
