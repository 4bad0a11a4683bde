import type { ControlApi, OrphanReport, OrphansReport } from '../controller/control-api.ts';
import type { CleanPart } from './clean-part.ts';
import type { Io } from './io.ts';
import { plural } from './plural.ts';
import { printable } from './printable.ts';
import { withProgress } from './progress.ts';
import { whoCalls } from './who.ts';

/** Lines of one kind that are shown; all are in the JSON. */
const mostLines = 20;

/** What belongs to nobody. @param sharedRule whether also what others may rely on */
export async function findOrphans(api: ControlApi, io: Io, sharedRule: boolean): Promise<CleanPart> {
  const found = await withProgress(io, 'Looking for what belongs to nobody', () => api.orphans());
  const wanted = found.orphans.filter(({ shared }) => sharedRule || shared !== true);
  return {
    count: wanted.length,
    question: `Remove ${wanted.length === 1 ? 'it' : `these ${wanted.length}`}?`,
    json: { orphans: found.orphans },
    problems: found.problems,
    show: () => show(io, found, wanted),
    async remove() {
      const ids = wanted.map(({ id }) => id);
      const { by } = whoCalls(io);
      const { removed, left, problems } = await withProgress(io, 'Removing', () => api.removeOrphans({ ids, by }));
      return { removed: removed.length, left: left.length, json: { removed, left }, problems };
    },
  };
}

function show(io: Io, { orphans }: OrphansReport, wanted: readonly OrphanReport[]): void {
  for (const [kind, all] of Map.groupBy(orphans, (orphan) => orphan.kind)) {
    io.stdout.write(`${kind}\n`);
    for (const { what, why, shared } of all.slice(0, mostLines)) {
      const flag = shared && !wanted.some((orphan) => orphan.shared) ? ' (stays without --shared-rule)' : '';
      io.stdout.write(`  ${printable(what)}${flag}\n    ${printable(why)}\n`);
    }
    if (all.length > mostLines) io.stdout.write(`  … and ${all.length - mostLines} more: --format json has all\n`);
  }
  if (wanted.length > 0) io.stdout.write(`${plural(wanted.length, 'leftover')}\n`);
}
