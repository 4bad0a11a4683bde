import type { OrphanReport } from '../control-api.ts';

/** What is in use on the host, whatever project and whoever it belongs to: nothing of it is an orphan. */
export interface InUse {
  /** uids of sandboxes that exist or are about to. */
  readonly uids: ReadonlySet<string>;
  /** Host side interfaces of instances. */
  readonly ports: ReadonlySet<string>;
  /** Addresses of the bridges that Incus manages, with prefix length. */
  readonly bridges: readonly string[];
  /** Whether an address lies on one of these bridges and nobody has it. */
  readonly isDead: (ipv4: string) => boolean;
}

/** One kind of leftover. */
export interface OrphanKind {
  readonly kind: OrphanReport['kind'];
  find(inUse: InUse, signal: AbortSignal): Promise<readonly OrphanReport[]>;
  /** Look afresh and remove those found that are wanted. */
  remove(wanted: ReadonlySet<string>, inUse: InUse, signal: AbortSignal): Promise<void>;
}

/** Where leftovers of a kind are and what tells them from what is in use. */
export interface OrphanPlace<Item> {
  readonly kind: OrphanReport['kind'];
  list(signal: AbortSignal): Promise<readonly Item[]>;
  /** What the item is to people, and why it is left over; undefined when it is not. */
  judge(item: Item, inUse: InUse): Omit<OrphanReport, 'id' | 'kind'> | undefined;
  remove(items: readonly Item[], signal: AbortSignal): Promise<void>;
}

/** A kind whose items are judged one by one, known by what they are. */
export function orphanKind<Item>(place: OrphanPlace<Item>): OrphanKind {
  const { kind } = place;
  const look = async (inUse: InUse, signal: AbortSignal) =>
    (await place.list(signal)).flatMap((item) => {
      const judged = place.judge(item, inUse);
      return judged ? [{ item, orphan: orphanOf(kind, judged) }] : [];
    });
  return {
    kind,
    find: async (inUse, signal) => (await look(inUse, signal)).map(({ orphan }) => orphan),
    remove: async (wanted, inUse, signal) => {
      const found = await look(inUse, signal);
      const chosen = found.filter(({ orphan }) => wanted.has(orphan.id)).map(({ item }) => item);
      if (chosen.length > 0) await place.remove(chosen, signal);
    },
  };
}

/** What is the same to people is the same. */
export function orphanOf(kind: OrphanReport['kind'], judged: Omit<OrphanReport, 'id' | 'kind'>): OrphanReport {
  return { id: `${kind}/${judged.what}`, kind, ...judged };
}
