import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan } from '../../src/plan/plan.ts';
import type { Protection } from '../../src/plan/protection.ts';
import { hostDirectories, shownPath } from '../../src/plan/host-directories.ts';
import { desiredView } from '../../src/plan/render-instance.ts';
import type { Power } from '../../src/plan/world.ts';
import type { Sandbox } from '../../src/spec/sandbox.ts';
import { endpoint, manifest, names, override, owned, placement, uid, world } from './given.ts';

const covered: Partial<Sandbox> = { workspace: '/srv/w', protectedPaths: ['.git/hooks', '.vscode'] };
const sound: Protection = { isMounted: true, replaced: [], uncovered: [], faults: [] };
const as = manifest(covered);

/** What is planned for an instance on a tree in a state. */
function planned(power: Power, protection: Protection | undefined, changes: Parameters<typeof world>[1] = {}) {
  return plan(world(as, { instance: owned(as, { power }), protection, ...changes }));
}

describe('the workspace device', () => {
  it('is the tree of the instance where paths are protected, and the workspace itself where none is', () => {
    const device = (sandbox: Partial<Sandbox>) =>
      desiredView(manifest(sandbox).sandbox, { uid, endpoint }, placement).devices['workspace'];
    const tree = `/run/coi/workspaces/${uid}/tree`;
    expect(device(covered)).toEqual({
      type: 'disk',
      source: tree,
      path: '/workspace',
      shift: 'true',
      recursive: 'true',
    });
    expect(device({ workspace: '/srv/w' })).toEqual({
      type: 'disk',
      source: shownPath(placement.workspaces, uid, '/srv/w'),
      path: '/workspace',
      shift: 'true',
    });
    expect(device({ ...covered, preservesPath: true })).toMatchObject({ path: '/srv/w' });
    expect(device({ ...covered, shift: false })).not.toHaveProperty('shift');
  });

  it('is not shifted on a host that cannot', () => {
    const view = desiredView(as.sandbox, { uid, endpoint }, { ...placement, cannotShift: true });
    expect(view.devices['workspace']).not.toHaveProperty('shift');
  });
});

describe('a sandbox that is not covered as it should be', () => {
  it('is left alone where all is sound, or nobody can tell', () => {
    expect(names(planned('running', sound))).toEqual([]);
    expect(names(planned('running', undefined))).toEqual([]);
  });

  it('is held still where something inside may have done it, once', () => {
    for (const breach of [{ replaced: ['.git'] }, { uncovered: ['.git'] }]) {
      const protection = { ...sound, ...breach };
      const held = planned('running', protection);
      expect(held.steps[0]).toMatchObject({ action: { kind: 'quarantine' }, security: true });
      expect(names(planned('running', protection, { overrides: [override.quarantine] }))).toEqual(['freeze']);
    }
  });

  it('starts again when it is let go, or when only its tree is gone', () => {
    const restart = ['stamp', 'stop', 'unfreeze'];
    expect(names(planned('frozen', { ...sound, replaced: ['.git'] })).slice(0, 2)).toEqual(restart.slice(0, 2));
    expect(names(planned('running', { ...sound, isMounted: false })).slice(0, 2)).toEqual(['stamp', 'stop']);
  });

  it('stays still while a person or a rule holds it', () => {
    const overrides = [override.quarantine];
    expect(names(planned('frozen', { ...sound, replaced: ['.git'] }, { overrides }))).toEqual([]);
  });

  it('goes on with its security steps while it is suspended', () => {
    const overrides = [override.suspend];
    expect(names(planned('running', { ...sound, replaced: ['.git'] }, { overrides }))).toEqual(['quarantine']);
  });

  it('has its tree taken off while it is stopped, and made with the start', () => {
    const stopped = manifest({ ...covered, state: 'stopped' });
    const still = world(stopped, { instance: owned(stopped, { power: 'stopped' }), protection: sound });
    expect(names(plan(still))).toEqual(['uncover']);
    const [start] = planned('stopped', { ...sound, isMounted: false }).steps;
    expect(start?.action).toMatchObject({
      kind: 'power',
      to: 'start',
      directories: { covered: { workspace: '/srv/w', protectedPaths: covered.protectedPaths }, shown: [] },
    });
  });
});

describe('what a sandbox sees of the host', () => {
  const mounts = { '/data': { host: '/srv/data', readonly: true }, '/same': { host: '/srv/data' } } as const;
  const open: Partial<Sandbox> = { workspace: '/srv/w', mounts };

  it('is never given to Incus by a path that others than root can change', () => {
    for (const each of [open, { ...open, ...covered }]) {
      const { devices } = desiredView(manifest(each).sandbox, { uid, endpoint }, placement);
      const sources = Object.values(devices).flatMap(({ source }) => source ?? []);
      expect(sources).toHaveLength(3);
      expect(sources.filter((source) => !source.startsWith(`/run/coi/workspaces/${uid}/`))).toEqual([]);
    }
    expect(hostDirectories(manifest(open).sandbox)).toEqual({ shown: ['/srv/w', '/srv/data'] });
  });

  it('is mounted before it is shown: with a start, and with a change of devices', () => {
    const declared = manifest(open);
    const directories = { shown: ['/srv/w', '/srv/data'] };
    const [start] = plan(world(declared, { instance: owned(declared, { power: 'stopped' }) })).steps;
    expect(start?.action).toMatchObject({ to: 'start', directories });
    const { workspace, root, eth0 } = owned(declared).devices;
    const instance = owned(declared, { devices: { workspace: workspace!, root: root!, eth0: eth0! } });
    const [added] = plan(world(declared, { instance, protection: sound })).steps;
    expect(added?.action).toMatchObject({ kind: 'update', directories });
  });

  it('takes a new start where it is not mounted any more', () => {
    const declared = manifest(open);
    const protection = { ...sound, isMounted: false };
    expect(names(plan(world(declared, { instance: owned(declared), protection }))).slice(0, 2)).toEqual([
      'stamp',
      'stop',
    ]);
    expect(names(plan(world(declared, { instance: owned(declared), protection: sound })))).toEqual([]);
    const bare = manifest();
    expect(names(plan(world(bare, { instance: owned(bare), protection })))).toEqual([]);
  });
});

describe('a workspace device that somebody changed', () => {
  const power = fc.constantFrom<Power>('running', 'frozen');
  const device = fc.constantFrom({}, { source: '/etc' }, { recursive: 'false' }, { path: '/elsewhere' });
  const allow = fc.constantFrom('in-place', 'restart', 'recreate');

  it('is never put right while the sandbox is up: what is mounted into it then is not covered', () => {
    fc.assert(
      fc.property(power, device, allow, fc.boolean(), (now, changes, allowed, isGone) => {
        const declared = manifest({ ...covered, policy: { ...as.sandbox.policy, allow: allowed } });
        const { devices } = owned(declared);
        const { workspace, ...others } = devices;
        const live = isGone ? others : { ...others, workspace: { ...workspace, ...changes } };
        const instance = owned(declared, { power: now, devices: live });
        const [first] = plan(world(declared, { instance, protection: sound })).steps;
        const touched = first?.action.kind === 'update' ? first.action.operations.map(({ path }) => path) : [];
        expect(touched.filter((path) => path.startsWith('/devices/workspace'))).toEqual([]);
      }),
    );
  });

  it('is put right once it is stopped, before it starts', () => {
    const { workspace: _, ...devices } = owned(as).devices;
    const instance = owned(as, { power: 'stopped', devices, stamped: { intent: { kind: 'restart', at: 0 } } });
    const steps = names(plan(world(as, { instance, protection: sound })));
    expect(steps.indexOf('update')).toBe(0);
    expect(steps.indexOf('start')).toBeGreaterThan(0);
  });
});
