import { expect, it } from 'vitest';
import { awaitSandbox } from '../../src/controller/await-sandbox.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { plan } from '../../src/plan/plan.ts';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import { manifest, owned, world } from '../plan/given.ts';
import type { OwnedInstance, World } from '../../src/plan/world.ts';

const schedule = { stop: '* * * * *', timezone: 'UTC' };
const { signal } = new AbortController();

/** How a wait for it to be made ends. */
async function waited(changes: Partial<Sandbox>, power: OwnedInstance['power'], more: Partial<World> = {}) {
  const at = manifest(changes);
  const sandboxes = new Sandboxes(() => undefined);
  const seen = world(at, { instance: owned(at, { power, stamped: { halted: true } }), ...more });
  sandboxes.record({ world: seen, plan: plan(seen) });
  const desired = { manifests: () => new Map([[at.name, at]]), tombstoneOf: () => undefined };
  const agents = { state: () => ({ kind: 'absent' }) as const };
  const init = { sandboxes, desired, agents, lifetime: signal };
  return (await awaitSandbox(init, { name: at.name, goal: 'made', timeoutMs: 20, signal })).outcome;
}

it('what is made runs, or is as its schedule says for now', async () => {
  const agent: World['agent'] = { kind: 'absent' };
  expect(await waited({ tool: { name: 'claude' } }, 'running', { agent })).toBe('reached');
  expect(await waited({ schedule }, 'stopped', { scheduled: { state: 'stopped' } })).toBe('reached');
  expect(await waited({}, 'stopped')).toBe('timeout');
  expect(await waited({ schedule }, 'running', { scheduled: { state: 'stopped' }, agent })).toBe('reached');
});
