import type { Incus } from '../../host/incus/client.ts';
import { isIncusError } from '../../host/incus/errors.ts';
import type { Instance } from '../../host/incus/instance.ts';
import { deadAddressTest } from '../../network/original/dead-address.ts';
import { classify } from '../../observe/owned.ts';
import type { InUse } from './orphan-kind.ts';

/** What the controller knows and a list that is under way may not yet: sandboxes that are about to be made, or just were. */
export interface Expected {
  readonly reserved: readonly { readonly uid: string; readonly port: string }[];
  readonly made: readonly Instance[];
}

/**
 * Asks Incus what is in use, in all projects.
 *
 * @param expected called after Incus was asked, so that nothing falls between both
 * @throws {IncusError} when anything of it cannot be read: what is in use is then not known, and nothing may be removed
 */
export async function readInUse(
  { addresses, networks }: Pick<Incus, 'addresses' | 'networks'>,
  expected: () => Expected,
  signal: AbortSignal,
): Promise<InUse> {
  const instances = await addresses.instances({ signal });
  const managed = (await networks.list({ signal })).filter(({ type, isManaged }) => type === 'bridge' && isManaged);
  const taken = new Set(instances.flatMap(addressesSetAside));
  for (const { name } of managed) for (const lease of await addresses.leases(name, { signal })) taken.add(lease);
  for (const instance of instances.filter(mayHaveOthers)) {
    for (const address of await orNothing(addresses.inside(instance, { signal }))) taken.add(address);
  }
  const bridges = managed.flatMap(({ config }) => (config['ipv4.address'] ?? '').match(/^[\d.]+\/\d+$/) ?? []);
  const { reserved, made } = expected();
  const known = [...instances, ...made];
  return {
    uids: new Set([...known.flatMap(({ config }) => config['user.coi.uid'] ?? []), ...reserved.map(({ uid }) => uid)]),
    ports: new Set([...known.flatMap(portsOf), ...reserved.map(({ port }) => port)]),
    bridges,
    isDead: deadAddressTest({ bridges, taken }),
  };
}

function addressesSetAside({ expandedDevices }: Instance): string[] {
  return Object.values(expandedDevices).flatMap((device) => device['ipv4.address'] ?? []);
}

function portsOf({ config, expandedDevices }: Instance): string[] {
  const chosen = Object.values(expandedDevices).flatMap((device) => device['host_name'] ?? []);
  const given = Object.entries(config).filter(([key]) => /^volatile\..+\.host_name$/.test(key));
  return [...chosen, ...given.map(([, name]) => name)];
}

/** Sandboxes of ours are held to their one address; what else runs may have given itself any. */
function mayHaveOthers(instance: Instance): boolean {
  return instance.state !== 'stopped' && classify(instance).kind !== 'owned';
}

async function orNothing(reading: Promise<string[]>): Promise<string[]> {
  return reading.catch((error: unknown) => {
    // It went away meanwhile, and its addresses with it.
    if (isIncusError(error, 'gone')) return [];
    throw error;
  });
}
