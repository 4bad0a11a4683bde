import { describe, expect, it } from 'vitest';
import { ContainerControl } from '../../src/controller/container-control.ts';
import { Sandboxes } from '../../src/controller/sandboxes.ts';
import { SessionControl, type SessionControlInit, type SessionManifest } from '../../src/controller/session-control.ts';
import { plan } from '../../src/plan/plan.ts';
import type { World } from '../../src/plan/world.ts';
import type { Manifest, Sandbox } from '../../src/spec/sandbox.ts';
import { FakeClock } from '../helpers/fake-clock.ts';
import { manifest, now, owned, world } from '../plan/given.ts';

interface Given {
  readonly seen?: Partial<World>;
  /** Whether somebody looks at it after each change; so unless given. */
  readonly isLookedAt?: boolean;
}

/** A controller as far as commands for containers need one, with one that a command declared. */
function controlWith(changes: Partial<Sandbox>, { seen = {}, isLookedAt = true }: Given = {}) {
  const at: Manifest = { ...manifest(changes), source: 'session/0' };
  const sandboxes = new Sandboxes(() => undefined);
  const clock = new FakeClock({ wall: now });
  const put: SessionManifest[] = [];
  const look = () => {
    const seenNow = world(at, { instance: owned(at), ...seen });
    sandboxes.record({ world: seenNow, plan: plan(seenNow) });
  };
  look();
  const init = {
    controller: {
      sandboxes,
      desired: { manifests: () => new Map([[at.name, at]]), tombstoneOf: () => undefined },
      sources: { read: async () => undefined },
      hintSandbox: () => void (isLookedAt && setImmediate(look)),
      hands: { clock },
    },
    manifests: {
      sourceOf: (uid: number) => `session/${uid}`,
      isSession: () => true,
      read: async () => at.sandbox,
      put: async (_: number, each: SessionManifest) => void put.push(each),
    },
    audit: async () => undefined,
    lifetime: new AbortController().signal,
  } as unknown as SessionControlInit;
  const sessions = new SessionControl(init);
  const control = new ContainerControl({ ...init, sessions });
  const power = (to: 'running' | 'stopped') => control.setPower({ name: 'a', by: 'ann', to });
  return { control, sessions, clock, put, power };
}

describe('a stop by command', () => {
  it('does not delete what is protected, although it goes when it stops', async () => {
    const policy = { deletion: 'protect', drift: 'enforce', allow: 'in-place' } as const;
    const { power, put } = controlWith({ restart: 'never', policy });
    expect(await power('stopped')).toMatchObject({ done: false, message: expect.stringContaining('"protect"') });
    expect(put).toEqual([]);
    // One that stays may be stopped.
    const kept = controlWith({ restart: 'never', persistent: true, policy });
    expect(await kept.power('stopped')).toMatchObject({ done: true });
    expect(kept.put).toMatchObject([{ sandbox: { state: 'stopped' } }]);
    expect(kept.put[0]?.sandbox.endsWithin).toBeUndefined();
  });
});

describe('a start by command', () => {
  it('is refused at once where a schedule or a lifetime has it stand still, and taken where a run was merely over', async () => {
    const refused = async (seen: Partial<World>, changes: Partial<Sandbox> = {}) => {
      const { power, put } = controlWith({ persistent: true, ...changes }, { seen });
      const report = await power('running');
      expect(put).toHaveLength(report.done ? 1 : 0);
      return report.done ? undefined : report.message;
    };
    expect(await refused({ scheduled: { state: 'stopped' } })).toContain('its schedule says stopped');
    expect(await refused({ scheduled: { state: 'running' } })).toBeUndefined();
    expect(await refused({}, { lifetime: { ttlMs: 1 } })).toContain('its lifetime says absent');
    expect(await refused({ isAbandoned: true })).toBeUndefined();
    const ran = { ...owned(manifest()), startedAt: 1, power: 'stopped' } as const;
    expect(await refused({ instance: ran }, { limits: { runtime: { maxMs: 5 } } })).toBeUndefined();
  });
});

describe('what a command changes', () => {
  it('holds up nobody else who takes a name, however long nobody looks at it, and says so in the end', async () => {
    const { power, control, sessions, clock, put } = controlWith({ persistent: true }, { isLookedAt: false });
    const stopped = power('stopped').catch((error: unknown) => error);
    const mount = { name: 'a', by: 'ann', device: 'd', path: '/d', mount: { host: '/srv' } };
    const mounted = control.addMount(mount).catch((error: unknown) => error);
    expect(await sessions.inTurn(async () => 'mine')).toBe('mine');
    expect(put).toHaveLength(2);
    await clock.advance(120_000);
    const heldUp = { code: 'container.held-up', hint: expect.stringContaining('coi why a') };
    expect([await stopped, await mounted]).toMatchObject([heldUp, heldUp]);
  });
});
