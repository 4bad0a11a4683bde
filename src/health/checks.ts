import type { HealthCheck } from './check.ts';
import { activeContainersCheck } from './checks/active-containers.ts';
import { auditLogDirectoryCheck } from './checks/audit-log-directory.ts';
import { blockPoliciesCheck } from './checks/block-policies.ts';
import { bridgeFilterCheck } from './checks/bridge-filter.ts';
import { bridgeCheck } from './checks/bridge.ts';
import { cgroupsCheck } from './checks/cgroups.ts';
import { coiDirectoryCheck } from './checks/coi-directory.ts';
import { configCheck } from './checks/config.ts';
import { confinementCheck } from './checks/confinement.ts';
import { containerConnectivityCheck } from './checks/container-connectivity.ts';
import { diskSpaceCheck } from './checks/disk-space.ts';
import { dnsResolutionCheck } from './checks/dns-resolution.ts';
import { dockerCheck } from './checks/docker.ts';
import { firewallCheck } from './checks/firewall.ts';
import { firewalldCheck } from './checks/firewalld.ts';
import { forwardingCheck } from './checks/forwarding.ts';
import { imageAgeCheck } from './checks/image-age.ts';
import { imageCheck } from './checks/image.ts';
import { incusCheck } from './checks/incus.ts';
import { kernelCheck } from './checks/kernel.ts';
import { connectionLogCheck } from './checks/connection-log.ts';
import { monitoringConfigurationCheck } from './checks/monitoring-configuration.ts';
import { networkManagerCheck } from './checks/network-manager.ts';
import { networkModeCheck } from './checks/network-mode.ts';
import { networkRestrictionCheck } from './checks/network-restriction.ts';
import { nftablesServiceCheck } from './checks/nftables-service.ts';
import { nftablesCheck } from './checks/nftables.ts';
import { notNeededChecks } from './checks/not-needed.ts';
import { orphansCheck } from './checks/orphans.ts';
import { osCheck } from './checks/os.ts';
import { otherFirewallsCheck } from './checks/other-firewalls.ts';
import { packetMarksCheck } from './checks/packet-marks.ts';
import { permissionsCheck } from './checks/permissions.ts';
import { processMonitoringCheck } from './checks/process-monitoring.ts';
import { resolverPortCheck } from './checks/resolver-port.ts';
import { rulesCheck } from './checks/rules.ts';
import { savedSessionsCheck } from './checks/saved-sessions.ts';
import { sessionsDirectoryCheck } from './checks/sessions-directory.ts';
import { spoofingCheck } from './checks/spoofing.ts';
import { storagePoolCheck } from './checks/storage-pool.ts';
import { timeZoneCheck } from './checks/time-zone.ts';
import { toolCheck } from './checks/tool.ts';
import { ufwCheck } from './checks/ufw.ts';

/** Every check, in the order in which they are shown. */
export const checks: readonly HealthCheck[] = [
  osCheck,
  kernelCheck,
  confinementCheck,
  timeZoneCheck,
  incusCheck,
  permissionsCheck,
  imageCheck,
  bridgeCheck,
  firewallCheck,
  nftablesCheck,
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
  auditLogDirectoryCheck,
  monitoringConfigurationCheck,
  processMonitoringCheck,
  connectionLogCheck,
  cgroupsCheck,
  imageAgeCheck,
  coiDirectoryCheck,
  sessionsDirectoryCheck,
  diskSpaceCheck,
  storagePoolCheck,
  configCheck,
  networkModeCheck,
  toolCheck,
  activeContainersCheck,
  savedSessionsCheck,
  orphansCheck,
  dnsResolutionCheck,
  ...notNeededChecks,
];

/** Which checks somebody asks for. */
export interface CheckChoice {
  readonly isVerbose: boolean;
  readonly isQuick: boolean;
}

/** Those to make. */
export function checksFor({ isVerbose, isQuick }: CheckChoice): readonly HealthCheck[] {
  return checks.filter(({ isExtra, isTried }) => (isVerbose || !isExtra) && !(isQuick && isTried));
}
