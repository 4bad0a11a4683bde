import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import type { Trial } from '../../src/health/trial.ts';
import { sightOf } from './sight.ts';

const orphan = (what: string) => ({ id: `rules/${what}`, kind: 'rules', what, why: 'nobody has them' }) as const;
const trial: Trial = {
  targets: { reach: { host: 'example.org', port: 443 }, private: [], forged: '10.1.0.254' },
  resolved: true,
  reached: true,
  hostReaches: true,
  opened: [],
  forgery: 'refused',
};

describe('leftovers', () => {
  it('are what two looks agree on', async () => {
    const looks = [
      [orphan('a'), orphan('b')],
      [orphan('b'), orphan('c')],
    ];
    const sight = sightOf({ orphans: async () => ({ orphans: looks.shift() ?? [], problems: [] }) });
    expect((await sight.orphans())?.orphans).toEqual([orphan('b')]);
    // Asked once.
    expect((await sight.orphans())?.orphans).toEqual([orphan('b')]);
  });
});

describe('what a sandbox tries', () => {
  it('begins when everything has been counted, even what could not be', async () => {
    const order: string[] = [];
    const sight = sightOf({
      incus: { instances: { list: async () => void order.push('instances') } },
      orphans: () => {
        order.push('orphans');
        return Promise.reject(new Problem({ code: 'x.y', message: 'no answer' }));
      },
      tryOut: async () => {
        order.push('trial');
        return trial;
      },
    });
    await Promise.all([sight.trial(), sight.trial()]);
    expect(order).toEqual(['instances', 'orphans', 'trial']);
  });

  it('is nothing where settings cannot be used', async () => {
    const problem = new Problem({ code: 'spec.type', message: 'no number' });
    const sight = sightOf({ seen: { ...sightOf().seen, problems: [problem] }, tryOut: async () => trial });
    await expect(sight.trial()).rejects.toMatchObject({ code: 'health.untried' });
  });
});
