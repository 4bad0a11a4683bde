import type { Spot } from './technique.ts';

/** Packets and bytes of one technique by one sandbox. */
export interface Count {
  packets: number;
  bytes: number;
}

/** What came of a run: by `TECHNIQUE GUEST`, what went out on the sandbox's link, and what arrived where. */
export interface Outcome {
  readonly sent: Map<string, Count>;
  readonly arrived: Map<string, Map<Spot, Count>>;
  /** What the programs said that could not be sent. */
  readonly died: string[];
  /** Frames that arrived somewhere and belong to nobody, by spot. */
  readonly stray: string[];
}

export function emptyOutcome(): Outcome {
  return { sent: new Map(), arrived: new Map(), died: [], stray: [] };
}

/** Adds to a count. */
export function add<Key>(counts: Map<Key, Count>, key: Key, { packets, bytes }: Count): void {
  const count = counts.get(key) ?? { packets: 0, bytes: 0 };
  counts.set(key, { packets: count.packets + packets, bytes: count.bytes + bytes });
}

/** Adds what came of one run to that of others. */
export function merge(into: Outcome, more: Outcome): void {
  for (const [key, count] of more.sent) add(into.sent, key, count);
  for (const [key, spots] of more.arrived) {
    const known = into.arrived.get(key) ?? new Map<Spot, Count>();
    into.arrived.set(key, known);
    for (const [spot, count] of spots) add(known, spot, count);
  }
  into.died.push(...more.died);
  into.stray.push(...more.stray);
}
