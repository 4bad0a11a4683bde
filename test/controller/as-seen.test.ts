import { describe, expect, it } from 'vitest';
import { conditionsAsSeen, desiredAsSeen, planAsSeen } from '../../src/controller/as-seen.ts';
import { plan } from '../../src/plan/plan.ts';
import type { World } from '../../src/plan/world.ts';
import { manifest, owned, world } from '../plan/given.ts';

const plain = manifest();
const secret = ['/var/lib/coi/desired'];
const instance = (changes: Parameters<typeof owned>[1] = {}) => owned(plain, { rules: 'unknown', ...changes });

function seen(given: World, denied: readonly string[] = []) {
  const planned = planAsSeen(plan(given), given, denied);
  const conditions = conditionsAsSeen({ world: given, plan: planned });
  return {
    steps: planned.steps.map(({ action }) => action.kind),
    block: planned.block?.reason,
    words: conditions.map(({ type, status, reason }) => `${type}=${status} ${reason}`),
    message: planned.block?.message,
  };
}

describe('a sandbox as somebody sees it who may not see the network rules', () => {
  it('is neither well nor broken where all else is as declared', () => {
    expect(seen(world(plain, { instance: instance() }))).toMatchObject({
      steps: [],
      block: undefined,
      words: ['Ready=Unknown NetworkUnknown', 'Healthy=Unknown EgressUnknown'],
    });
  });

  it('keeps the steps that follow from what is seen', () => {
    expect(seen(world(plain)).steps).toEqual(['reserve', 'create']);
    const changed = instance({ config: { ...instance().config, 'security.privileged': 'true' } });
    expect(seen(world(plain, { instance: changed })).words).toContain('Ready=False Updating');
  });

  it.each(['stopped', 'frozen'] as const)('is not said to be started when it is %s', (power) => {
    const given = world(plain, { instance: instance({ power }) });
    expect(seen(given)).toMatchObject({ steps: [], block: 'Unseen' });
    expect(seen(given).words).toEqual(['Ready=Unknown Unseen', 'Healthy=Unknown EgressUnknown']);
  });

  it('is not said to wait for a workspace that may not be looked at', () => {
    const workspace = { message: 'Workspace "/w" cannot be read: EACCES', hint: 'x', isDenied: true };
    expect(seen(world(plain, { workspace }))).toMatchObject({ steps: [], block: 'Unseen' });
    expect(seen(world(plain, { workspace: { ...workspace, isDenied: false } })).block).toBe('InvalidWorkspace');
  });
});

describe('where manifests or holds may not be read', () => {
  it.each([
    { what: 'create', given: world(plain) },
    { what: 'thaw', given: world(plain, { instance: instance({ power: 'frozen' }) }) },
    { what: 'start after others', given: world(plain, { dependencies: [{ name: 'b', ready: false }] }) },
    { what: 'delete', given: world({ kind: 'missing', verdict: { kind: 'allowed' } }, { instance: instance() }) },
  ])('nothing is said to $what', ({ given }) => {
    expect(seen(given, secret)).toMatchObject({ steps: [], block: 'Unseen' });
    expect(seen(given, secret).message).toContain('/var/lib/coi/desired');
  });

  it('the patch stays: it compares what was seen', () => {
    const given = world(plain, {
      instance: instance({ config: { ...instance().config, 'security.privileged': 'true' } }),
    });
    const whole = plan(given);
    expect(whole.patch).not.toEqual([]);
    expect(planAsSeen(whole, given, secret).patch).toEqual(whole.patch);
  });

  it('what surely stands in the way still does', () => {
    expect(seen(world(plain, { imageExists: false }), secret).block).toBe('ImageMissing');
  });
});

describe('a name that a source no longer declares', () => {
  const missing = (reason: 'Grace' | 'SourceIncomplete') =>
    ({ kind: 'missing', verdict: { kind: 'wait', reason, message: 'm' } }) as const;

  it('is unknown while the source cannot be read, not on its way out', () => {
    expect(desiredAsSeen(missing('SourceIncomplete'))).toEqual({ kind: 'unknown', message: 'm' });
    expect(desiredAsSeen(missing('Grace'))).toEqual(missing('Grace'));
    expect(desiredAsSeen({ kind: 'deleted' })).toEqual({ kind: 'deleted' });
  });
});
