import type { Seen } from './answer-looks.ts';

/** Sandboxes that are declared or of which something exists. */
export function knownNames({ desired, sandboxes, instances }: Seen): Set<string> {
  const names = new Set([...desired.manifests().keys(), ...desired.missing()]);
  for (const { name } of sandboxes.all()) names.add(name);
  for (const { owner } of instances.all()) if (owner.kind === 'owned') names.add(owner.stamp.name);
  return names;
}
