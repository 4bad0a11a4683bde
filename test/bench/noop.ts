import { largeFleet } from './large-fleet.ts';
import { processorTime } from './process-usage.ts';
import { percentile, report } from './report.ts';

const sweeps = 20;

/** A full sweep over 1,000 declared sandboxes with nothing to do: what it costs, and that it writes nothing. */
export async function noop(): Promise<void> {
  const { api, pid, ...stage } = await withParts();
  await api.reconcile();
  const writesBefore = writes(await stage.requests());
  const [own, children]: [number[], number[]] = [[], []];
  for (let sweep = 0; sweep < sweeps; sweep += 1) {
    const before = await processorTime(pid);
    await api.reconcile();
    const after = await processorTime(pid);
    own.push(after.own - before.own);
    children.push(after.children - before.children);
  }
  const written = writes(await stage.requests()) - writesBefore;
  report({ name: 'noop.writes', value: written, unit: 'requests', limit: 0, better: 'lower' }, { sweeps });
  const details = { sweeps, maxS: Math.max(...own), childrenS: percentile(children, 50) };
  report({ name: 'noop.cpu', value: percentile(own, 50), unit: 's', limit: 0.5, better: 'lower' }, details);
}

async function withParts() {
  const stage = await largeFleet();
  return { api: stage.api, pid: stage.pid, requests: () => stage.requests() };
}

function writes(counts: ReadonlyMap<string, number>): number {
  return [...counts].reduce((sum, [method, count]) => (method === 'GET' ? sum : sum + count), 0);
}
