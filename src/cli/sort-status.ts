import type { StatusReport } from '../controller/control-api.ts';

/** The same report in an order that does not depend on who came first. */
export function sortStatus({ sandboxes, sources, images, host }: StatusReport): StatusReport {
  return {
    sandboxes: sandboxes.toSorted((a, b) => compare(a.name, b.name)),
    sources: sources.toSorted((a, b) => compare(a.id, b.id)),
    images: images.toSorted((a, b) => compare(a.name, b.name)),
    host: {
      ...host,
      unmanaged: host.unmanaged.toSorted((a, b) => compare(a.name, b.name)),
      orphans: host.orphans.toSorted(compare),
      held: host.held.toSorted(compare),
    },
  };
}

/** Order of names that is the same in every locale. */
export function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
