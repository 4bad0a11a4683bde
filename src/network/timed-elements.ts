import { parseAddress } from './address.ts';
import type { Family } from './address.ts';
import type { AllowedPort } from './allow-entry.ts';

/**
 * Sets of addresses that names led to, written by the resolver alone: elements run out by themselves, and no comparison
 * looks at them. `web`: sandbox . address, for the web's ports; `port`: sandbox . address . protocol . port.
 */
export const timedSets = {
  web4: 'type ipv4_addr . ipv4_addr; flags timeout',
  web6: 'type ipv6_addr . ipv6_addr; flags timeout',
  port4: 'type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags timeout',
  port6: 'type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags timeout',
} as const;

export type TimedSet = keyof typeof timedSets;

export const timedSetNames = Object.keys(timedSets) as TimedSet[];

/** An address that a sandbox may reach for a while. */
export interface TimedElement {
  readonly set: TimedSet;
  readonly key: string;
  /** Owner, kept as the element's comment. */
  readonly uid: string;
  /** Seconds until it runs out, at least 1. */
  readonly seconds: number;
  /** Taken not to be there, which is quicker to write. Nothing goes wrong where it is there all the same. */
  readonly isNew?: boolean;
}

/** Sets that the rules fill by themselves with what was refused, and to which extent; nobody compares them either. */
export const recordSets = {
  denied4:
    'type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags dynamic, timeout; timeout 1d; size 65535; counter',
  denied6:
    'type ipv6_addr . ipv6_addr . inet_proto . inet_service; flags dynamic, timeout; timeout 1d; size 65535; counter',
  other4: 'type ipv4_addr . ipv4_addr . inet_proto; flags dynamic, timeout; timeout 1d; size 16384; counter',
  other6: 'type ipv6_addr . ipv6_addr . inet_proto; flags dynamic, timeout; timeout 1d; size 16384; counter',
  asking4: 'type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65535',
  asking6: 'type ipv6_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_metadata4: 'type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_metadata6: 'type ipv6_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_ports4: 'type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_ports6: 'type ipv6_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_near4: 'type ipv4_addr; flags dynamic, timeout; timeout 1m; size 65535',
  odd_near6: 'type ipv6_addr; flags dynamic, timeout; timeout 1m; size 65535',
  over4: 'type ipv4_addr; flags dynamic, timeout; timeout 1d; size 65535; counter',
  over6: 'type ipv6_addr; flags dynamic, timeout; timeout 1d; size 65535; counter',
} as const;

/** Seconds for which a refused destination is remembered after its last packet, as {@link recordSets} has it. */
export const recordSeconds = 86_400;

/** Whether a set's elements come and go without being drift. */
export function isUncompared(set: string): boolean {
  return Object.hasOwn(timedSets, set) || Object.hasOwn(recordSets, set);
}

/** What is to be put in for one address that a name led to. Both addresses are of one family and in canonical form. */
export function timedElement({
  uid,
  from,
  to,
  port,
  seconds,
}: {
  readonly uid: string;
  readonly from: string;
  readonly to: string;
  readonly port: AllowedPort | undefined;
  readonly seconds: number;
}): TimedElement {
  const family: Family = parseAddress(to)!.family;
  return port
    ? { set: `port${family}`, key: `${from} . ${to} . ${port.proto} . ${port.port}`, uid, seconds }
    : { set: `web${family}`, key: `${from} . ${to}`, uid, seconds };
}
