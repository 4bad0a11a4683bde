import { describe, expect, it } from 'vitest';
import { epochOf } from '../../src/network/elements.ts';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import type { Bridge, NetworkPolicy } from '../../src/network/policy.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';

const bridge: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };

function policy(uid: string, change: Partial<NetworkPolicy> = {}): NetworkPolicy {
  return { uid, rules: { mode: 'restricted' }, endpoint: chooseEndpoint({ uid, bridge, taken: new Set() }), ...change };
}

const one = policy('01JABCDEFGHJKMNPQRSTVWXYZ0');
const two = policy('01JABCDEFGHJKMNPQRSTVWXYZ1');

describe('renderRuleset', () => {
  it('keeps sandboxes out of the skeleton', () => {
    expect(renderRuleset({ bridge, policies: [one, two] }).skeleton).toBe(
      renderRuleset({ bridge, policies: [] }).skeleton,
    );
  });

  it('names the owner on every element, and gives every sandbox its own', () => {
    const { elements, problems } = renderRuleset({ bridge, policies: [one, two] });
    expect(problems.size).toBe(0);
    const owners = [...elements.values()].flatMap((set) => [...set.values()].map(({ uid }) => uid));
    expect(owners).toHaveLength(40);
    expect(new Set(owners)).toEqual(new Set([one.uid, two.uid]));
  });

  it('tells sandboxes from others by their addresses, on a shared bridge alone', () => {
    const shared = renderRuleset({ bridge: { ...bridge, shared: true }, policies: [one] });
    const own = renderRuleset({ bridge, policies: [one] });
    for (const [set, key] of [
      ['inet own4', one.endpoint.ipv4],
      ['inet own6', one.endpoint.ipv6!],
      ['bridge own4', one.endpoint.ipv4],
      ['bridge own6', one.endpoint.ipv6!],
    ] as const) {
      expect([...shared.elements.get(set)!]).toEqual([[key, { uid: one.uid }]]);
      expect(own.elements.get(set)!.size).toBe(0);
    }
    expect(shared.skeleton).not.toBe(own.skeleton);
  });

  it('leaves the second of two sandboxes with the same place without rules', () => {
    const { problems, elements } = renderRuleset({ bridge, policies: [{ ...two, endpoint: one.endpoint }, one] });
    expect([...problems]).toEqual([[two.uid, expect.objectContaining({ code: 'network.conflict' })]]);
    expect([...elements.get('inet mode4')!.values()]).toEqual([{ uid: one.uid, value: 'goto restricted' }]);
  });

  it.each([
    { port: 'eth0' },
    { port: 'coi"; flush r' },
    { mac: '10:66:6a:c0:00' },
    { ipv4: '10.90.0.5 }' },
    { ipv4: 'fd42::5' },
    { ipv6: 'FD42::5' },
  ])('lets no text into nft that is not an endpoint: %j', (part) => {
    const { problems } = renderRuleset({ bridge, policies: [{ ...one, endpoint: { ...one.endpoint, ...part } }] });
    expect(problems.get(one.uid)).toMatchObject({ code: 'network.policy' });
  });

  it('refuses a bridge whose name is not one', () => {
    expect(() => renderRuleset({ bridge: { ...bridge, name: 'a"b' }, policies: [] })).toThrow(
      expect.objectContaining({ code: 'network.bridge' }),
    );
  });
});

describe('epochOf', () => {
  it('changes with the mode and the owner, and fits in 28 bits', () => {
    const epochs = (['restricted', 'open', 'none'] as const).flatMap((mode) =>
      [one, two].map(({ uid }) => epochOf({ uid, rules: { mode } })),
    );
    expect(new Set(epochs).size).toBe(6);
    for (const epoch of epochs) expect(epoch > 0 && epoch < 2 ** 28).toBe(true);
  });
});
