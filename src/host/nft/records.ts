import type { Clock } from '../../base/clock.ts';
import type { PlacedElement } from '../../network/elements.ts';
import { recordSeconds, timedSetNames } from '../../network/timed-elements.ts';
import type { TimedSet } from '../../network/timed-elements.ts';
import { listElements } from './changes.ts';
import type { Member } from './listing.ts';
import { listMembers, listTables, loadBatch } from './nft.ts';
import type { NftCall } from './nft.ts';

/** Somewhere that a sandbox was not let through to, as the kernel noted it. */
export interface RefusedDestination {
  readonly set: RecordSet;
  /** Address of the sandbox. */
  readonly from: string;
  readonly to: string;
  /** As nft names it: `tcp`, `udp`, `icmp`, or a number. */
  readonly proto: string;
  /** Only of TCP and UDP. */
  readonly port?: number;
  readonly packets: number;
  /** When the last packet was refused, milliseconds since 1970, up to a second early. */
  readonly lastAt: number;
}

const recordSetNames = ['denied4', 'denied6', 'other4', 'other6'] as const;
type RecordSet = (typeof recordSetNames)[number];

/** An address that a name led to. */
export interface TimedMember extends Member {
  readonly set: TimedSet;
}

/** How many are forgotten in one transaction: other changes of rules wait some tens of milliseconds for it at most. */
const portion = 4_000;

/** What the kernel counts and holds. Nothing is remembered here; methods throw the Problems of `nft.ts`. */
export class Records {
  readonly #call: () => NftCall;
  readonly #clock: Clock;

  constructor(call: () => NftCall, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
  }

  /** New flows per address of a watched sandbox that were not logged because there were too many; counts start anew with a full load. */
  async unlogged(): Promise<Map<string, number>> {
    const sets = await Promise.all(['over4', 'over6'].map((name) => listMembers(name, this.#call())));
    return new Map(sets.flat().map(({ key, packets }) => [key, packets]));
  }

  /** Packets refused per owner since its elements were loaded; counts start anew with a full load. */
  async packets(): Promise<Map<string, number>> {
    const sets = await Promise.all(['box4', 'box6'].map((name) => listMembers(name, this.#call())));
    const totals = new Map<string, number>();
    for (const { uid, packets } of sets.flat()) {
      if (uid !== undefined) totals.set(uid, (totals.get(uid) ?? 0) + packets);
    }
    return totals;
  }

  /**
   * What was refused. The kernel keeps a destination for a day after its last packet, at most 65,535 with ports and
   * 16,384 without for each family; see `recordSets`.
   */
  async refused(): Promise<RefusedDestination[]> {
    const lists = await Promise.all(
      recordSetNames.map(async (set) => {
        const members = await listMembers(set, this.#call());
        const now = this.#clock.now();
        return members.map((member) => destinationOf(set, member, now));
      }),
    );
    return lists.flat();
  }

  /** Takes records out, also those that have run out meanwhile: what is added first can be deleted for certain. */
  async forget(gone: readonly RefusedDestination[]): Promise<void> {
    for (let start = 0; start < gone.length; start += portion) {
      const bySet = Map.groupBy(gone.slice(start, start + portion), ({ set }) => set);
      const text = [...bySet].map(([set, members]) => {
        const list = `inet coi ${set} { ${members.map(keyOf).join(', ')} }`;
        return `add element ${list}\ndelete element ${list}\n`;
      });
      await loadBatch({ text: text.join(''), fenceLines: 0 }, this.#call());
    }
  }

  /** What the tables hold for one owner at this moment. */
  async elements(uid: string): Promise<PlacedElement[]> {
    const { elements } = await listTables(this.#call());
    return listElements(elements).filter((element) => element.uid === uid);
  }

  /** Addresses that names led an owner to; all owners' unless one is given. */
  async timed(owner?: string): Promise<TimedMember[]> {
    const lists = await Promise.all(
      timedSetNames.map(async (set) => (await listMembers(set, this.#call())).map((member) => ({ set, ...member }))),
    );
    return lists.flat().filter(({ uid }) => owner === undefined || uid === owner);
  }
}

function destinationOf(set: RecordSet, { key, packets, expires }: Member, now: number): RefusedDestination {
  const [from = '', to = '', proto = '', port] = key.split(' . ');
  const lastAt = now - (recordSeconds - (expires ?? recordSeconds)) * 1_000;
  return { set, from, to, proto, ...(port !== undefined && { port: Number(port) }), packets, lastAt };
}

function keyOf({ from, to, proto, port }: RefusedDestination): string {
  return [from, to, proto, ...(port === undefined ? [] : [port])].join(' . ');
}
