import type { HealthCheck } from './check.ts';
import { blockPoliciesCheck } from './checks/block-policies.ts';
import { bridgeFilterCheck } from './checks/bridge-filter.ts';
import { bridgeCheck } from './checks/bridge.ts';
import { containerConnectivityCheck } from './checks/container-connectivity.ts';
import { dockerCheck } from './checks/docker.ts';
import { firewalldCheck } from './checks/firewalld.ts';
import { forwardingCheck } from './checks/forwarding.ts';
import { incusCheck } from './checks/incus.ts';
import { networkManagerCheck } from './checks/network-manager.ts';
import { networkRestrictionCheck } from './checks/network-restriction.ts';
import { nftablesServiceCheck } from './checks/nftables-service.ts';
import { otherFirewallsCheck } from './checks/other-firewalls.ts';
import { packetMarksCheck } from './checks/packet-marks.ts';
import { resolverPortCheck } from './checks/resolver-port.ts';
import { rulesCheck } from './checks/rules.ts';
import { spoofingCheck } from './checks/spoofing.ts';
import { ufwCheck } from './checks/ufw.ts';

/** Every check, in the order in which they are shown. */
export const checks: readonly HealthCheck[] = [
  incusCheck,
  bridgeCheck,
  rulesCheck,
  blockPoliciesCheck,
  containerConnectivityCheck,
  networkRestrictionCheck,
  spoofingCheck,
  forwardingCheck,
  bridgeFilterCheck,
  dockerCheck,
  ufwCheck,
  firewalldCheck,
  otherFirewallsCheck,
  networkManagerCheck,
  packetMarksCheck,
  nftablesServiceCheck,
  resolverPortCheck,
];
