import { describe, expect, it } from 'vitest';
import { elementsOf } from '../../src/network/elements.ts';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import { rulesInForce } from '../../src/network/in-force.ts';
import type { Bridge } from '../../src/network/policy.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { ruleVariants } from './rule-variants.ts';

const bridge: Bridge = { name: 'coibr0', ipv4: '10.90.0.1/16', ipv6: 'fd42:90::1/64' };
const uid = '01JABCDEFGHJKMNPQRSTVWXYZ0';
const endpoint = chooseEndpoint({ uid, bridge, taken: new Set() });

function elementsFor(rules: NetworkRules) {
  return elementsOf({ uid, endpoint, rules }, bridge);
}

describe('rulesInForce', () => {
  const literals = [
    '203.0.113.0/28',
    '198.51.100.7',
    '198.51.100.8:22',
    '10.0.0.0/8:53443/udp',
    '2001:db8::/32',
    '[2001:db8:1::7]:22',
  ];
  const allowed = Object.fromEntries(literals.map((entry) => [entry, true as const]));

  it.each([...ruleVariants({}), ...ruleVariants({ '203.0.113.7': true, '[2001:db8::7]:22': true }).slice(-2)])(
    'reads what %j was loaded as',
    (rules) => {
      expect(rulesInForce(elementsFor(rules))).toEqual(rules);
    },
  );

  it('knows every address of a list, and leaves names out', () => {
    const found = rulesInForce(elementsFor({ mode: 'allowlist', allowed: { ...allowed, 'a.example': true } }));
    expect(found?.allowed).toEqual(allowed);
  });

  it('says nothing where something is missing', () => {
    const elements = elementsFor({ mode: 'open' });
    const isMode = ({ set }: { set: string }) => set.startsWith('inet mode');
    expect(rulesInForce(elements.filter((element) => !isMode(element)))).toBeUndefined();
    const mixed = elements.map((element) =>
      element.set === 'inet mode6' ? { ...element, value: 'goto none' } : element,
    );
    expect(rulesInForce(mixed)).toBeUndefined();
  });
});
