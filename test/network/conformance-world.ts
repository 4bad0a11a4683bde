import { bridgeSettings, convergeSettings } from '../../src/host/link/settings.ts';
import { convergeBlockPolicies } from '../../src/host/xfrm/xfrm.ts';
import type { NetworkRules } from '../../src/network/rules.ts';
import { resolverPort } from '../../src/network/resolvers.ts';
import { renderRuleset, type Ruleset } from '../../src/network/ruleset.ts';
import { uids } from '../host/nft/guarded.ts';
import type { Endpoint } from '../../src/network/policy.ts';
import { addresses, bridge, inside, World, type Agent } from '../host/nft/world.ts';
import { ports, probes, rows, type Row } from './conformance.ts';

/** A sandbox, or what stands for one. */
export interface Tried extends Agent {
  readonly uid: string;
  readonly endpoint: Endpoint;
}

/** Everybody who takes part in trying the table. */
export interface Parties {
  readonly sandbox: Tried;
  readonly sibling: Tried;
  readonly host: Agent;
  readonly outside: Agent;
}

/** A world in which every destination of the table answers, and the two sandboxes that try them. */
export interface ConformanceWorld extends Parties, AsyncDisposable {
  readonly world: World;
}

/** Addresses of the table that the host has, and those that are outside. */
export function placesOf(): { readonly outside: ReadonlySet<string>; readonly host: ReadonlySet<string> } {
  const places = { outside: new Set<string>(), host: new Set<string>() };
  for (const { ipv4, ipv6, onHost } of rows) {
    for (const address of [ipv4, ipv6]) if (address) places[onHost ? 'host' : 'outside'].add(address);
  }
  return places;
}

/** Has the neighbour and the host answer on every port of the table, from the address that was asked. */
export async function serveAll({ host, outside }: Pick<Parties, 'host' | 'outside'>): Promise<void> {
  const places = placesOf();
  for (const port of ports) await outside.order({ do: 'serve', port, hosts: [...places.outside] });
  for (const port of [53, 8080, resolverPort]) await host.order({ do: 'serve', port, hosts: [...places.host] });
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
  for (const address of placesOf().outside) {
    if (there.has(address)) continue;
    const [family, length] = address.includes(':') ? ['-6', '128'] : ['-4', '32'];
    const nodad = family === '-6' ? ['nodad'] : [];
    await inside(world.outside, 'ip', family, 'addr', 'add', `${address}/${length}`, 'dev', 'eth0', ...nodad);
    await inside(world.host, 'ip', family, 'route', 'replace', `${address}/${length}`, 'dev', 'up0');
  }
  await serveAll({ host, outside });
}

/** Adds the second layer; without it the tables are tried alone. */
export async function addBlockPolicies({ world }: ConformanceWorld): Promise<void> {
  await convergeBlockPolicies({ bridge, namespace: world.host });
}

/** The sandbox under these rules, its sibling under none that matter. */
export function rulesOf({ sandbox, sibling }: Parties, rules: NetworkRules): Ruleset {
  return renderRuleset({
    bridge,
    policies: [
      { uid: sandbox.uid, endpoint: sandbox.endpoint, rules },
      { uid: sibling.uid, endpoint: sibling.endpoint, rules: { mode: 'open' } },
    ],
  });
}

/** Which probes are answered, in the order of the table. A busy machine gets a second try. */
export async function openOnes({ sandbox, sibling }: Parties): Promise<string[]> {
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
export async function waysIn({ sandbox, host, outside }: Parties): Promise<string[]> {
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
