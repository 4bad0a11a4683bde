import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkPolicy } from '../../src/network/policy.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import { openOn } from '../host/nft/guarded.ts';
import { bridge, NamedNamespace } from '../host/nft/world.ts';
import { allowlist, manyPolicies } from './policies.ts';
import { processorTime } from './process-usage.ts';
import { percentile, quantiles, report } from './report.ts';

const sandboxes = 1_000;
const loads = 15;
const changes = 100;

/** All rules for 1,000 sandboxes in one transaction, and one sandbox's change among them, from policies to done. */
export async function ruleset1000(): Promise<void> {
  await using namespace = await NamedNamespace.make();
  await using firewall = await openOn(namespace);
  const policies = manyPolicies(sandboxes, bridge);
  const whole: number[] = [];
  for (let load = 0; load <= loads; load += 1) {
    await firewall.uninstall();
    const took = await timed(() => firewall.converge(renderRuleset({ bridge, policies })));
    // The first one has the skeleton tried out and finds cold caches.
    if (load > 0) whole.push(took);
  }
  const elements = [...renderRuleset({ bridge, policies }).elements.values()].reduce((sum, { size }) => sum + size, 0);
  const wanted = { unit: 'ms', better: 'lower' } as const;
  report(
    { name: 'ruleset-1000.load', value: percentile(whole, 50), limit: 500, ...wanted },
    { sandboxes, elements, runs: loads, ...quantiles(whole) },
  );
  // The watch has thousands of notifications to read, and starts anew where a release of nft does not survive them.
  await sleep(5_000);
  const before = await processorTime(process.pid);
  const one: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    const changed = changedPolicy(policies, change);
    // As the controller does by itself when the watch has ended over the change before.
    await firewall.observe();
    one.push(await timed(() => firewall.ensure(renderRuleset({ bridge, policies: [changed] }))));
    await sleep(100);
  }
  const after = await processorTime(process.pid);
  const processorMs = Object.fromEntries(
    (['own', 'children'] as const).map((part) => [part, Math.round((1_000 * (after[part] - before[part])) / changes)]),
  );
  report(
    { name: 'ruleset-1000.change', value: percentile(one, 50), limit: 25, ...wanted },
    { sandboxes, runs: changes, ...quantiles(one), processorMs },
  );
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
