import type { SensorEvent } from './event.ts';

/** How many of a sandbox are kept. */
const mostEvents = 50;

interface Ring {
  readonly events: SensorEvent[];
  /** Where the next one goes once the ring is full. */
  next: number;
}

/** The last events of each sandbox, for showing what came before something. Costs the same at any rate of events. */
export class RecentEvents {
  readonly #rings = new Map<string, Ring>();

  add(event: SensorEvent): void {
    const ring = this.#rings.get(event.uid);
    if (!ring) {
      this.#rings.set(event.uid, { events: [event], next: 0 });
      return;
    }
    if (ring.events.length < mostEvents) {
      ring.events.push(event);
      return;
    }
    ring.events[ring.next] = event;
    ring.next = (ring.next + 1) % mostEvents;
  }

  /** Those of one sandbox, oldest first. */
  of(uid: string): readonly SensorEvent[] {
    const ring = this.#rings.get(uid);
    return ring ? [...ring.events.slice(ring.next), ...ring.events.slice(0, ring.next)] : [];
  }

  /** Forget all whose sandbox is not watched any more. */
  keep(isWatched: (uid: string) => boolean): void {
    for (const uid of this.#rings.keys()) if (!isWatched(uid)) this.#rings.delete(uid);
  }
}
