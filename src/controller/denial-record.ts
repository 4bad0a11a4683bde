import type { RefusedDestination } from '../host/nft/records.ts';

/** Somewhere that a sandbox was not let through to. Times are milliseconds since 1970. */
export interface Denial {
  readonly to: string;
  /** As nft names it: `tcp`, `udp`, `icmp`, or a number. */
  readonly proto: string;
  readonly port?: number;
  /** Packets refused since {@link firstAt}, loads of the rules in between counted in. */
  readonly count: number;
  /** The last packet before it was first noticed: exact for a single packet, else late by as long as nobody looked. */
  readonly firstAt: number;
  readonly lastAt: number;
}

interface Remembered {
  readonly denial: Denial;
  /** What the kernel counted before its last load, and since. */
  readonly base: number;
  readonly seen: number;
}

/** One look at what the kernel holds. */
export interface DenialLook {
  readonly rows: readonly RefusedDestination[];
  /** Changes whenever the kernel's counts began anew. */
  readonly loads: number;
  /** Sandboxes by address, with when they came to be: what is older was refused to whoever had the address before. */
  readonly owners: ReadonlyMap<string, { readonly uid: string; readonly since: number }>;
  readonly now: number;
}

/** What a look found. */
export interface Noted {
  /** New or more often refused than before, by sandbox. */
  readonly changed: ReadonlyMap<string, readonly Denial[]>;
  /** What the kernel need not keep any longer: nobody has the address, or one sandbox has too many. */
  readonly spare: readonly RefusedDestination[];
}

/** How many destinations are remembered for one sandbox, the newest: a scan of ports must not use up the kernel's room. */
export const mostDenials = 500;
const dayMs = 86_400_000;
/** The kernel tells times in whole seconds. */
const clockSlackMs = 2_000;

/** Remembers what the kernel cannot: when a destination was first refused, and counts from before a full load. */
export class DenialRecord {
  readonly #bySandbox = new Map<string, Map<string, Remembered>>();
  #loads: number | undefined;

  /** Take in a look at all sandboxes. Those without an address any more are forgotten. */
  note({ rows, loads, owners, now }: DenialLook): Noted {
    if (this.#loads !== loads) this.#beginAnew();
    this.#loads = loads;
    const uids = new Set([...owners.values()].map(({ uid }) => uid));
    for (const uid of this.#bySandbox.keys()) if (!uids.has(uid)) this.#bySandbox.delete(uid);
    const [own, foreign] = split(rows, owners);
    const changed = new Map<string, Denial[]>();
    const spare = [...foreign];
    for (const [uid, list] of own) {
      const [kept, rest] = newest(list);
      spare.push(...rest);
      const changes = this.#noteOne(uid, kept, now);
      if (changes.length > 0) changed.set(uid, changes);
    }
    this.#expire(now);
    return { changed, spare };
  }

  /** What is remembered of a sandbox, the last first. */
  of(uid: string): Denial[] {
    const all = [...(this.#bySandbox.get(uid)?.values() ?? [])].map(({ denial }) => denial);
    return all.toSorted((a, b) => b.lastAt - a.lastAt);
  }

  #beginAnew(): void {
    for (const denials of this.#bySandbox.values()) {
      for (const [key, { denial, base, seen }] of denials) denials.set(key, { denial, base: base + seen, seen: 0 });
    }
  }

  #noteOne(uid: string, rows: readonly RefusedDestination[], now: number): Denial[] {
    const denials = this.#bySandbox.get(uid) ?? new Map<string, Remembered>();
    this.#bySandbox.set(uid, denials);
    const changes: Denial[] = [];
    for (const { to, proto, port, packets, lastAt } of rows) {
      const key = `${to} ${proto} ${port}`;
      const before = denials.get(key);
      if (before && before.seen === packets) continue;
      // Fewer than before: it had run out and began anew.
      const base = before ? before.base + (packets < before.seen ? before.seen : 0) : 0;
      const at = Math.min(lastAt, now);
      const denial = {
        to,
        proto,
        ...(port !== undefined && { port }),
        count: base + packets,
        firstAt: before?.denial.firstAt ?? at,
        lastAt: at,
      };
      denials.set(key, { denial, base, seen: packets });
      changes.push(denial);
    }
    dropOldest(denials);
    return changes;
  }

  #expire(now: number): void {
    for (const denials of this.#bySandbox.values()) {
      for (const [key, { denial }] of denials) if (denial.lastAt < now - dayMs) denials.delete(key);
    }
  }
}

function split(
  rows: readonly RefusedDestination[],
  owners: DenialLook['owners'],
): [own: Map<string, RefusedDestination[]>, foreign: RefusedDestination[]] {
  const own = new Map<string, RefusedDestination[]>();
  const foreign: RefusedDestination[] = [];
  for (const row of rows) {
    const owner = owners.get(row.from);
    if (!owner || row.lastAt + clockSlackMs < owner.since) foreign.push(row);
    else if (own.has(owner.uid)) own.get(owner.uid)!.push(row);
    else own.set(owner.uid, [row]);
  }
  return [own, foreign];
}

function newest(
  rows: readonly RefusedDestination[],
): [kept: readonly RefusedDestination[], rest: RefusedDestination[]] {
  if (rows.length <= mostDenials) return [rows, []];
  const sorted = rows.toSorted((a, b) => b.lastAt - a.lastAt);
  return [sorted.slice(0, mostDenials), sorted.slice(mostDenials)];
}

function dropOldest(denials: Map<string, Remembered>): void {
  if (denials.size <= mostDenials) return;
  const byAge = [...denials].toSorted(([, a], [, b]) => a.denial.lastAt - b.denial.lastAt);
  for (const [key] of byAge.slice(0, denials.size - mostDenials)) denials.delete(key);
}
