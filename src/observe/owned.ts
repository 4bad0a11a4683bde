import { parseInterfaceAddress } from '../network/address.ts';
import { slaacAddress } from '../network/endpoint.ts';
import type { Bridge, Endpoint } from '../network/policy.ts';
import { parseStamp, tombstoneName, type Stamp } from '../plan/stamp.ts';
import type { Instance, InstanceState } from '../host/incus/instance.ts';
import type { Power } from '../plan/world.ts';

/** One instance, told apart by what it says about its owner. */
export type Classified =
  | { readonly kind: 'owned'; readonly stamp: Stamp; readonly isTombstone: boolean }
  /** Carries our stamp but fails its self-check, or merely our prefix. Never touched. */
  | { readonly kind: 'unmanaged'; readonly why: string }
  | { readonly kind: 'foreign' };

/** Ownership is the stamp and its self-check, never the name: a copy carries its original's stamp under another name. */
export function classify(instance: Instance): Classified {
  const stamp = parseStamp(instance.config);
  if (stamp) {
    if (instance.name === stamp.instance) return { kind: 'owned', stamp, isTombstone: false };
    if (instance.name === tombstoneName(stamp.uid)) return { kind: 'owned', stamp, isTombstone: true };
    return { kind: 'unmanaged', why: `it carries the stamp of ${stamp.instance}: a copy, or renamed by hand` };
  }
  if (Object.keys(instance.config).some((key) => key.startsWith('user.coi.'))) {
    return { kind: 'unmanaged', why: 'its user.coi keys cannot be read' };
  }
  if (instance.name.startsWith('coi-')) return { kind: 'unmanaged', why: 'it has the name prefix of coi but no stamp' };
  return { kind: 'foreign' };
}

/** Where the stamp says the instance's NIC sits; undefined when it does not say. */
export function endpointOf(stamp: Stamp, bridge: Bridge): Endpoint | undefined {
  const nic = stamp.applied?.devices['eth0'];
  const { host_name: port, hwaddr: mac, 'ipv4.address': ipv4 } = nic ?? {};
  if (!port || !mac || !ipv4) return undefined;
  if (!bridge.ipv6) return { port, mac, ipv4 };
  return { port, mac, ipv4, ipv6: slaacAddress(parseInterfaceAddress(bridge.ipv6).prefix, mac) };
}

/** Incus' state as one of the powers that planning tells apart. */
export function powerOf(state: InstanceState): Power {
  return state === 'running' || state === 'frozen' || state === 'stopped' ? state : 'other';
}

/** Whether it was running when the host or incusd went down: Incus remembers the last power it wished for. */
export function hasLostPower(instance: Instance): boolean {
  return instance.state === 'stopped' && instance.config['volatile.last_state.power'] === 'RUNNING';
}
