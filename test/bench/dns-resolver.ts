import { systemClock } from '../../src/base/clock.ts';
import { NameService } from '../../src/host/dns/name-service.ts';
import { openFirewall } from '../../src/host/nft/firewall.ts';
import { renderRuleset } from '../../src/network/ruleset.ts';
import { timedElement } from '../../src/network/timed-elements.ts';
import { bridge } from '../host/nft/world.ts';
import type { TestSandbox } from '../host/nft/world.ts';
import { manyPolicies } from './policies.ts';

// The product's resolver and firewall on the host of 1,000 sandboxes. Arguments: the directory for what is to be kept,
// the upstream's address, the sandbox that asks (JSON).

const sandboxes = 1_000;
const addressesEach = 10;

const [, , stateDir = '', upstream = '', sandbox = ''] = process.argv;
const { uid, endpoint } = JSON.parse(sandbox) as Pick<TestSandbox, 'uid' | 'endpoint'>;
const { signal } = new AbortController();
const allowed = { 'same.example.test': true, 'fresh.example.test': true } as const;
const policies = [
  { uid, endpoint, rules: { mode: 'allowlist', allowed } as const },
  ...manyPolicies(sandboxes - 1, bridge, [endpoint]),
];

const later: { names?: NameService } = {};
const init = { clock: systemClock, signal, onDrift: () => later.names?.doubt() };
const firewall = await openFirewall({ ...init, timed: () => later.names?.timed() ?? [] });
const names = new NameService({
  clock: systemClock,
  signal,
  bridge,
  firewall,
  stateDir,
  onQuery: () => undefined,
  onProblem: ({ message }) => process.stdout.write(`${message}\n`),
  servers: async () => [{ address: upstream, port: 53 }],
});
later.names = names;
await names.follow(policies);
await firewall.converge(renderRuleset({ bridge, policies }));
await names.restore();
// What names have led the others to.
const others = policies.slice(1).flatMap(({ uid: owner, endpoint: { ipv4 } }, index) =>
  Array.from({ length: addressesEach }, (_, at) => {
    const to = `203.0.${index >> 2}.${((index & 3) << 6) + at}`;
    return timedElement({ uid: owner, from: ipv4, to, port: undefined, seconds: 3_600 });
  }),
);
await firewall.allow(others);
void names.run();
process.stdout.write('ready\n');
