import type { Firewall } from '../../src/host/firewall/firewall.ts';
import { bridgeSettings, convergeSettings } from '../../src/host/link/settings.ts';
import { convergeBlockPolicies } from '../../src/host/xfrm/xfrm.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { resolverPort } from '../../src/network/resolvers.ts';
import { renderRuleset, type Ruleset } from '../../src/network/ruleset.ts';
import { uids } from '../host/nft/guarded.ts';
import { addresses, bridge, inside, World, type Agent, type TestSandbox } from '../host/nft/world.ts';
import { ports, probes, rows, type Row } from './conformance.ts';

/** A world in which every destination of the table answers, and the two sandboxes that try them. */
export interface ConformanceWorld extends AsyncDisposable {
  readonly world: World;
  readonly sandbox: TestSandbox;
  readonly sibling: TestSandbox;
  readonly host: Agent;
  readonly outside: Agent;
}

export async function openConformanceWorld(): Promise<ConformanceWorld> {
  const world = await World.make();
  const sandbox = await world.sandbox(uids[0]);
  const sibling = await world.sandbox(uids[1]);
  const host = world.agent(world.host);
  const outside = world.agent(world.outside);
  await settleIn(world, host, outside);
  for (const each of [sandbox, sibling]) await each.order({ do: 'serve', port: 8080 });
  await convergeSettings(bridgeSettings(bridge), { namespace: world.host });
  await world.settle(sandbox, [addresses.public6, addresses.private6, sibling.endpoint.ipv6!], 8080);
  const dispose = () => world[Symbol.asyncDispose]();
  return { world, sandbox, sibling, host, outside, [Symbol.asyncDispose]: dispose };
}

/** Gives the neighbour every address of the table, and has it and the host answer on every port. */
async function settleIn(world: World, host: Agent, outside: Agent): Promise<void> {
  const there = new Set(Object.values(addresses) as string[]);
  const hosts = { outside: new Set<string>(), host: new Set<string>() };
  for (const { ipv4, ipv6, onHost } of rows) {
    for (const address of [ipv4, ipv6]) if (address) hosts[onHost ? 'host' : 'outside'].add(address);
  }
  for (const address of hosts.outside) {
    if (there.has(address)) continue;
    const [family, length] = address.includes(':') ? ['-6', '128'] : ['-4', '32'];
    const nodad = family === '-6' ? ['nodad'] : [];
    await inside(world.outside, 'ip', family, 'addr', 'add', `${address}/${length}`, 'dev', 'eth0', ...nodad);
    await inside(world.host, 'ip', family, 'route', 'replace', `${address}/${length}`, 'dev', 'up0');
  }
  for (const port of ports) await outside.order({ do: 'serve', port, hosts: [...hosts.outside] });
  for (const port of [53, 8080, resolverPort]) await host.order({ do: 'serve', port, hosts: [...hosts.host] });
}

/** Adds the second layer; without it the tables are tried alone. */
export async function addBlockPolicies({ world }: ConformanceWorld): Promise<void> {
  await convergeBlockPolicies({ bridge, namespace: world.host });
}

/** The sandbox under these rules, its sibling under none that matter. */
export function rulesOf({ sandbox, sibling }: ConformanceWorld, rules: NetworkRules): Ruleset {
  return renderRuleset({
    bridge,
    policies: [
      { uid: sandbox.uid, endpoint: sandbox.endpoint, rules },
      { uid: sibling.uid, endpoint: sibling.endpoint, rules: { mode: 'open' } },
    ],
  });
}

export type Opener = (world: ConformanceWorld) => Promise<Firewall>;

/** Which probes are answered, in the order of the table. A busy machine gets a second try. */
export async function openOnes({ sandbox, sibling }: ConformanceWorld): Promise<string[]> {
  const { ipv4, ipv6 = '' } = sibling.endpoint;
  const siblingRow = { what: 'a sibling', proto: 'tcp', port: 8080, openIn: '' } as const;
  const all = [
    ...probes(),
    { name: 'a sibling (IPv4)', host: ipv4, row: siblingRow },
    { name: 'a sibling (IPv6)', host: ipv6, row: siblingRow },
  ];
  const answers = await Promise.all(
    all.map(async ({ name, host, row }) => {
      const answer = (await tryOnce(sandbox, host, row)) || (await tryOnce(sandbox, host, row));
      return answer ? [name] : [];
    }),
  );
  return answers.flat();
}

async function tryOnce(sandbox: Agent, host: string, { proto, port }: Row): Promise<boolean> {
  const answer = await sandbox.order({ do: proto === 'tcp' ? 'connect' : 'ask', host, port });
  return answer === 'open';
}

/** Ways in: the host always, others never. */
export async function waysIn({ sandbox, host, outside }: ConformanceWorld): Promise<string[]> {
  const { ipv4, ipv6 = '' } = sandbox.endpoint;
  const ways = { host, outside };
  const found: string[] = [];
  for (const [who, agent] of Object.entries(ways)) {
    for (const address of [ipv4, ipv6]) {
      if ((await agent.order({ do: 'connect', host: address, port: 8080 })) === 'open') {
        found.push(`${who} ${address === ipv4 ? 'IPv4' : 'IPv6'}`);
      }
    }
  }
  return found;
}
