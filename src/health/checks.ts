import type { HealthCheck } from './check.ts';
import { blockPoliciesCheck } from './checks/block-policies.ts';
import { bridgeFilterCheck } from './checks/bridge-filter.ts';
import { bridgeCheck } from './checks/bridge.ts';
import { cgroupCheck } from './checks/cgroups.ts';
import { dnsCheck } from './checks/dns.ts';
import { containerConnectivityCheck } from './checks/container-connectivity.ts';
import { dockerCheck } from './checks/docker.ts';
import { firewalldCheck } from './checks/firewalld.ts';
import { forwardingCheck } from './checks/forwarding.ts';
import { coiDirectoryCheck, diskSpaceCheck, sessionsDirectoryCheck } from './checks/home.ts';
import { imageAgeCheck, imageCheck } from './checks/image.ts';
import { incusCheck } from './checks/incus.ts';
import { networkManagerCheck } from './checks/network-manager.ts';
import { networkRestrictionCheck } from './checks/network-restriction.ts';
import { nftablesServiceCheck } from './checks/nftables-service.ts';
import { osCheck } from './checks/os.ts';
import { otherFirewallsCheck } from './checks/other-firewalls.ts';
import { packetMarksCheck } from './checks/packet-marks.ts';
import { permissionsCheck } from './checks/permissions.ts';
import { resolverPortCheck } from './checks/resolver-port.ts';
import { rulesCheck } from './checks/rules.ts';
import { configCheck, networkModeCheck, toolCheck } from './checks/settings.ts';
import { activeContainersCheck, orphansCheck, savedSessionsCheck } from './checks/status.ts';
import { storagePoolCheck } from './checks/storage-pool.ts';
import { spoofingCheck } from './checks/spoofing.ts';
import { ufwCheck } from './checks/ufw.ts';

/** Every check, in the order in which they are shown. */
export const checks: readonly HealthCheck[] = [
  osCheck,
  cgroupCheck,
  incusCheck,
  permissionsCheck,
  imageCheck,
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
  storagePoolCheck,
  coiDirectoryCheck,
  sessionsDirectoryCheck,
  diskSpaceCheck,
  configCheck,
  networkModeCheck,
  toolCheck,
  imageAgeCheck,
  activeContainersCheck,
  savedSessionsCheck,
  orphansCheck,
  dnsCheck,
];
