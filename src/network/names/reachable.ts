import { parseAddress } from '../address.ts';
import type { Endpoint } from '../policy.ts';
import { timedElement } from '../timed-elements.ts';
import type { TimedElement } from '../timed-elements.ts';
import type { KnownNames } from './known-names.ts';
import { judgeName } from './name-rules.ts';
import type { NameRules, OpenedPort } from './name-rules.ts';

/** A place in a timed set, without its time. */
export type TimedPlace = Omit<TimedElement, 'seconds'>;

/** A sandbox as names are looked up for it. */
export interface Seat {
  readonly uid: string;
  readonly endpoint: Pick<Endpoint, 'ipv4' | 'ipv6'>;
  readonly rules: NameRules;
}

/** One text per place. */
export function placeId({ set, key }: Pick<TimedPlace, 'set' | 'key'>): string {
  return `${set} ${key}`;
}

/** The places in timed sets that open an address on ports; none when the sandbox has no address of that family. */
export function placesOf({ uid, endpoint }: Seat, to: string, ports: readonly OpenedPort[]): TimedPlace[] {
  const from = parseAddress(to)?.family === 6 ? endpoint.ipv6 : endpoint.ipv4;
  if (from === undefined) return [];
  return ports.map((port) => {
    const { set, key } = timedElement({ uid, from, to, port, seconds: 1 });
    return { set, key, uid };
  });
}

/** Everything that known names open under a sandbox's rules as they are now, with until when, by {@link placeId}. */
export function reachable(
  seat: Seat,
  known: KnownNames,
  { now, isUsable }: { readonly now: number; readonly isUsable: (address: string) => boolean },
): Map<string, TimedPlace & { readonly until: number }> {
  const places = new Map<string, TimedPlace & { readonly until: number }>();
  for (const [name, { until }] of known.all()) {
    const verdict = judgeName(seat.rules, name);
    if (verdict.kind === 'denied') continue;
    for (const [address, time] of until) {
      if (time <= now || !isUsable(address)) continue;
      for (const place of placesOf(seat, address, verdict.ports)) {
        const id = placeId(place);
        places.set(id, { ...place, until: Math.max(time, places.get(id)?.until ?? 0) });
      }
    }
  }
  return places;
}
