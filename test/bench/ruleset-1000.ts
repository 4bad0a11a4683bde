import type { NetworkPolicy } from '../../src/network/policy.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import { openOn } from '../host/nft/guarded.ts';
import { bridge, NamedNamespace } from '../host/nft/world.ts';
import { until } from '../lab/until.ts';
import { allowlist, manyPolicies } from './policies.ts';
import { processorTime } from './process-usage.ts';
import { percentile, quantiles, report } from './report.ts';

const sandboxes = 1_000;
const loads = 15;
const changesEach = 10;

/** All rules for 1,000 sandboxes in one transaction, and one sandbox's change among them, from policies to done. */
export async function ruleset1000(): Promise<void> {
  await using namespace = await NamedNamespace.make();
  await using firewall = await openOn(namespace);
  const policies = manyPolicies(sandboxes, bridge);
  const [whole, one]: [number[], number[]] = [[], []];
  const used = { own: [] as number[], children: [] as number[] };
  for (let load = 0; load <= loads; load += 1) {
    await firewall.uninstall();
    const tookWhole = await timed(() => firewall.converge(renderRuleset({ bridge, policies })));
    // Some releases of nft end when they are to tell of so many changes at once, and what they told of is listed anew.
    await until('remembered rules', async () => (await firewall.observe()) === firewall.loaded());
    const before = await processorTime(process.pid);
    const changes: number[] = [];
    for (let change = 0; change < changesEach; change += 1) {
      const changed = changedPolicy(policies, load * changesEach + change);
      changes.push(await timed(() => firewall.ensure(renderRuleset({ bridge, policies: [changed] }))));
    }
    const after = await processorTime(process.pid);
    // The first one has the skeleton tried out and finds cold caches.
    if (load === 0) continue;
    whole.push(tookWhole);
    one.push(...changes);
    for (const part of ['own', 'children'] as const)
      used[part].push((1_000 * (after[part] - before[part])) / changesEach);
  }
  const elements = [...renderRuleset({ bridge, policies }).elements.values()].reduce((sum, { size }) => sum + size, 0);
  const wanted = { unit: 'ms', better: 'lower', name: 'ruleset-1000.load', limit: 500 } as const;
  report({ ...wanted, value: percentile(whole, 50) }, { sandboxes, elements, runs: whole.length, ...quantiles(whole) });
  const processorMs = { own: percentile(used.own, 50), nft: percentile(used.children, 50) };
  const details = { sandboxes, runs: one.length, ...quantiles(one), processorMs };
  report({ ...wanted, name: 'ruleset-1000.change', value: percentile(one, 50), limit: 25 }, details);
}

/** A sandbox with another allowlist than any before, or with another mode: all of its flows are judged again. */
function changedPolicy(policies: readonly NetworkPolicy[], number: number): NetworkPolicy {
  const policy = policies[(number * 7) % policies.length]!;
  const rules = number % 3 === 0 ? ({ mode: 'open' } as const) : allowlist(20_000 + number);
  return { ...policy, rules };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
