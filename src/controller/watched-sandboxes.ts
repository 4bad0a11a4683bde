import type { NetworkPolicy } from '../network/policy.ts';
import type { Controller } from './controller.ts';
import type { WatchedSandbox } from './denial-watch.ts';
import { allPolicies } from './policies.ts';

/**
 * Everything that exists or is about to and has addresses, with where its refusals are to be written. Undefined until
 * Incus was asked: nobody knows then whose an address is.
 */
export function watchedSandboxes({
  instances,
  desired,
  policies,
}: Pick<Controller, 'instances' | 'desired' | 'policies'>): WatchedSandbox[] | undefined {
  if (instances.listedAt === undefined) return undefined;
  const manifests = desired.manifests();
  const origins = new Map<string, { readonly name: string; readonly since: number }>();
  for (const [name, { uid }] of policies.reservations.named()) origins.set(uid, { name, since: 0 });
  for (const { owner, instance } of instances.all()) {
    if (owner.kind !== 'owned') continue;
    origins.set(owner.stamp.uid, { name: owner.stamp.name, since: Date.parse(instance.createdAt) });
  }
  return allPolicies(policies).flatMap(({ uid, endpoint }) => {
    const origin = origins.get(uid);
    const log = manifests.get(origin?.name ?? '')?.sandbox.networkLog;
    return origin ? [{ uid, ...origin, addresses: addressesOf(endpoint), ...(log && { log }) }] : [];
  });
}

function addressesOf({ ipv4, ipv6 }: NetworkPolicy['endpoint']): string[] {
  return ipv6 === undefined ? [ipv4] : [ipv4, ipv6];
}
