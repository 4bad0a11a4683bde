import type { Clock } from '../../base/clock.ts';
import { placeId } from '../../network/names/reachable.ts';
import type { TimedPlace } from '../../network/names/reachable.ts';
import type { TimedElement } from '../../network/timed-elements.ts';

/** The firewall as far as timed sets go: see `Firewall` in host/nft. */
export interface TimedWriter {
  allow(elements: readonly TimedElement[]): Promise<void>;
  disallow(elements: readonly TimedElement[]): Promise<void>;
  readonly records: {
    /** What the sets hold at this moment. */
    timed(): Promise<readonly (Pick<TimedElement, 'set' | 'key'> & { readonly uid: string | undefined })[]>;
  };
}

/** A place and until when it is to be there, in milliseconds of the monotonic clock. */
export type LastingPlace = TimedPlace & { readonly until: number };

interface Held extends TimedPlace {
  /** Until when it is to be there. */
  until: number;
  /** Until when the kernel has it for certain; 0 while that is not known. */
  loaded: number;
  /** Whether the kernel may have it, for whatever time. */
  mayBeThere: boolean;
  loading: { readonly until: number; readonly done: Promise<void> } | undefined;
}

/** Longest time between deciding on an element and the kernel having it, in milliseconds. */
const lagMs = 60_000;

/** Stands for the owner of what has none: nft takes no empty comment. */
const unowned = 'nobody';

/** What is in the timed sets, remembered, so that what is there already costs nothing. */
export class TimedSets {
  readonly #firewall: TimedWriter;
  readonly #clock: Clock;
  readonly #byUid = new Map<string, Map<string, Held>>();
  readonly #later = new Map<string, LastingPlace>();

  constructor(firewall: TimedWriter, clock: Clock) {
    this.#firewall = firewall;
    this.#clock = clock;
  }

  count(uid: string): number {
    return this.#byUid.get(uid)?.size ?? 0;
  }

  /**
   * Resolves once all places are in the kernel until `least` at the earliest. Those that have to be written are written
   * until their own time; the others get theirs with the next {@link flush}.
   *
   * @returns whether anything had to be written
   */
  async ensure(places: readonly LastingPlace[], least: number): Promise<boolean> {
    const waits: Promise<void>[] = [];
    const missing: LastingPlace[] = [];
    for (const place of places) {
      const held = this.#byUid.get(place.uid)?.get(placeId(place));
      if (held && held.loaded >= least) {
        if (held.until < place.until) this.#later.set(placeId(place), place);
      } else if (held?.loading && held.loading.until >= least) waits.push(held.loading.done);
      else missing.push(place);
    }
    if (missing.length > 0) waits.push(this.put(missing));
    await Promise.all(waits);
    return missing.length > 0;
  }

  /** Notes what ought to be there, without writing it. */
  assume(places: Iterable<LastingPlace>): void {
    for (const place of places) {
      const held = this.#hold(place);
      held.until = Math.max(held.until, place.until);
      held.mayBeThere = true;
    }
  }

  /** Writes places, whether or not they are there. */
  async put(places: readonly LastingPlace[]): Promise<void> {
    const all = new Map(places.map((place) => [placeId(place), place]));
    const now = this.#clock.monotonic();
    const writing = [...all.values()].flatMap((place) => {
      const held = this.#hold(place);
      held.until = Math.max(held.until, place.until);
      const seconds = Math.ceil((held.until - now) / 1_000);
      return seconds < 1 ? [] : [{ held, until: held.until, seconds, isNew: !held.mayBeThere }];
    });
    const elements = writing.map(({ held: { set, key, uid }, seconds, isNew }) => ({ set, key, uid, seconds, isNew }));
    for (const { held } of writing) held.mayBeThere = true;
    const done = this.#firewall.allow(elements);
    for (const { held, until } of writing) held.loading = { until, done };
    try {
      await done;
      for (const { held, until } of writing) held.loaded = Math.max(held.loaded, until);
    } finally {
      for (const { held } of writing) if (held.loading?.done === done) held.loading = undefined;
    }
  }

  /** Writes the longer times that had no hurry. @returns the owners of what was written */
  async flush(): Promise<ReadonlySet<string>> {
    const places = [...this.#later.values()].filter((place) => this.has(place));
    this.#later.clear();
    if (places.length > 0) await this.put(places);
    return new Set(places.map(({ uid }) => uid));
  }

  /** Places of a sandbox that are not among these. */
  beyond(uid: string, kept: { has(id: string): boolean }): TimedPlace[] {
    return [...(this.#byUid.get(uid) ?? [])].filter(([id]) => !kept.has(id)).map(([, held]) => held);
  }

  /** Those of these places that are not there and not on their way. */
  absent(places: Iterable<LastingPlace>): LastingPlace[] {
    return [...places].filter((place) => !this.has(place));
  }

  has(place: TimedPlace): boolean {
    return this.#byUid.get(place.uid)?.has(placeId(place)) ?? false;
  }

  /** Takes places out. They are gone when this resolves; where it cannot be done and some are still there, it rejects. */
  async takeOut(places: readonly TimedPlace[]): Promise<void> {
    if (places.length === 0) return;
    for (const place of places) {
      const own = this.#byUid.get(place.uid);
      own?.delete(placeId(place));
      this.#later.delete(placeId(place));
      if (own?.size === 0) this.#byUid.delete(place.uid);
    }
    const elements = places.map(({ set, key, uid }) => ({ set, key, uid, seconds: 1 }));
    try {
      await this.#firewall.disallow(elements);
    } catch (error) {
      const ids = new Set(places.map(placeId));
      const left = await this.#firewall.records.timed();
      // Without tables nothing can be taken out, and nothing is there.
      if (left.some((place) => ids.has(placeId(place)))) throw error;
    }
  }

  /** Everything that is to be there at this moment: what a load of all rules takes over. */
  timed(): TimedElement[] {
    const now = this.#clock.monotonic();
    return this.#all().flatMap(({ set, key, uid, until }) => {
      const seconds = Math.ceil((until - now) / 1_000);
      return seconds < 1 ? [] : [{ set, key, uid, seconds }];
    });
  }

  /**
   * Looks at what the sets hold: what nobody knows of goes, what is missing comes.
   *
   * @param rewrite whether what is there may be less than it looks, and is written again
   */
  async restore(rewrite: boolean): Promise<void> {
    const found = await this.#firewall.records.timed();
    const there = new Set(found.map(placeId));
    const known = new Map(this.#all().map((held) => [placeId(held), held]));
    const isOurs = (place: (typeof found)[number]) =>
      place.uid !== undefined && known.get(placeId(place))?.uid === place.uid;
    const foreign = found.filter((place) => !isOurs(place));
    await this.takeOut(foreign.map((place) => ({ ...place, uid: place.uid ?? unowned })));
    const now = this.#clock.monotonic();
    const live = [...known.values()].filter(({ until }) => until > now);
    const gone = new Set(foreign.map(placeId));
    const missing = live.filter((held) => rewrite || !there.has(placeId(held)) || gone.has(placeId(held)));
    if (missing.length > 0) await this.put(missing.map((held) => ({ ...held })));
    for (const held of live) if (there.has(placeId(held)) && held.loaded === 0) held.loaded = held.until;
  }

  /** What has not run out, but will before a moment. */
  runningOut(before: number): LastingPlace[] {
    const now = this.#clock.monotonic();
    return this.#all().filter(({ until }) => until > now && until <= before);
  }

  /** Forgets what has run out for certain: the kernel began to count a little later. */
  sweep(): void {
    const before = this.#clock.monotonic() - lagMs;
    for (const [uid, own] of this.#byUid) {
      for (const [id, { until }] of own) if (until <= before) own.delete(id);
      if (own.size === 0) this.#byUid.delete(uid);
    }
  }

  #all(): Held[] {
    return [...this.#byUid.values()].flatMap((own) => [...own.values()]);
  }

  #hold({ set, key, uid }: TimedPlace): Held {
    const own = this.#byUid.get(uid) ?? new Map<string, Held>();
    this.#byUid.set(uid, own);
    const id = placeId({ set, key });
    const held = own.get(id) ?? { set, key, uid, until: 0, loaded: 0, mayBeThere: false, loading: undefined };
    own.set(id, held);
    return held;
  }
}
