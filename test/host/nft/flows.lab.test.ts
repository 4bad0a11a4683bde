import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NftFirewall } from '../../../src/host/nft/firewall.ts';
import { bridgeSettings, convergeSettings } from '../../../src/host/link/settings.ts';
import { convergeBlockPolicies, removeBlockPolicies } from '../../../src/host/xfrm/xfrm.ts';
import { linkLocalAddress } from '../../../src/network/endpoint.ts';
import { openOn, rulesFor, uids } from './guarded.ts';
import { addresses, bridge, inside, World } from './world.ts';
import type { Agent, TestSandbox } from './world.ts';

const port = 8080;
let world: World;
let firewall: NftFirewall;
let sandbox: TestSandbox;
let host: Agent;
let outside: Agent;

beforeAll(async () => {
  world = await World.make();
  sandbox = await world.sandbox(uids[0]);
  host = world.agent(world.host);
  outside = world.agent(world.outside);
  for (const agent of [host, outside, sandbox]) await agent.order({ do: 'serve', port });
  await world.settle(sandbox, [addresses.public6, addresses.private6], port);
  firewall = await openOn(world);
});

afterAll(async () => {
  await firewall[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

async function keepOpen(target: string): Promise<number> {
  const connection = await sandbox.order({ do: 'connect', host: target, port, keep: true });
  expect(connection).not.toBe('shut');
  return connection as number;
}

describe('a tightened policy', () => {
  it('cuts the flows it no longer allows and keeps the others', async () => {
    await firewall.converge(rulesFor('open', sandbox));
    const targets = ['public4', 'public6', 'private4', 'private6'] as const;
    const flows = new Map<string, number>();
    for (const target of targets) flows.set(target, await keepOpen(addresses[target]));
    for (const connection of flows.values()) expect(await sandbox.order({ do: 'talk', connection })).toBe('open');

    await firewall.converge(rulesFor('restricted', sandbox));
    const arrived = async () => (await outside.order({ do: 'received', port })) as number;
    const after: Record<string, unknown> = {};
    for (const [target, connection] of flows) {
      const before = await arrived();
      const answer = await sandbox.order({ do: 'talk', connection });
      after[target] = { answer, arrived: (await arrived()) - before };
    }
    const goesOn = { answer: 'open', arrived: 1 };
    // Not only the answers stay away: what the sandbox sends does not get out.
    const isCut = { answer: 'shut', arrived: 0 };
    expect(after).toEqual({ public4: goesOn, public6: goesOn, private4: isCut, private6: isCut });
  });

  it('keeps an allowed flow in which only the other side has something to say', async () => {
    await firewall.converge(rulesFor('open', sandbox));
    const connection = await keepOpen(addresses.public4);
    await firewall.converge(rulesFor('restricted', sandbox));
    // Without a packet from the sandbox since the change, the answer alone must find its way in.
    expect(await outside.order({ do: 'push', port })).toBe(1);
    expect(await sandbox.order({ do: 'listen', connection })).toBe('open');
  });

  it('leaves flows of the host to the sandbox alone', async () => {
    await firewall.converge(rulesFor('open', sandbox));
    const connection = (await host.order({ do: 'connect', host: sandbox.endpoint.ipv4, port, keep: true })) as number;
    await firewall.converge(rulesFor('none', sandbox));
    expect(await host.order({ do: 'talk', connection })).toBe('open');
  });

  it('cuts everything when the sandbox’s elements are removed', async () => {
    await firewall.converge(rulesFor('open', sandbox));
    const connection = await keepOpen(addresses.public4);
    await firewall.remove([sandbox.uid]);
    expect(await sandbox.order({ do: 'talk', connection })).toBe('shut');
  });
});

describe('denials', () => {
  it('are counted for their sandbox', async () => {
    await firewall.converge(rulesFor('restricted', sandbox));
    const before = (await firewall.records.packets()).get(sandbox.uid)!;
    await sandbox.order({ do: 'ask', host: addresses.private4, port });
    await sandbox.order({ do: 'ask', host: addresses.private6, port });
    // Flows that earlier tests cut may still be trying.
    expect((await firewall.records.packets()).get(sandbox.uid)).toBeGreaterThanOrEqual(before + 2);
  });
});

describe('neighbour discovery', () => {
  it('is no way out for packets that only look like it', async () => {
    await firewall.converge(rulesFor('none', sandbox));
    const seen = async () =>
      Number(/packets (\d+)/.exec(await inside(world.outside, 'nft', 'list', 'counter', 'inet', 't', 'in'))![1]);
    await inside(
      world.outside,
      'nft',
      'add table inet t; add counter inet t in; add chain inet t c { type filter hook input priority 0; }; add rule inet t c icmpv6 type nd-neighbor-solicit ip6 hoplimit 254 counter name in',
    );
    const send = () => inside(sandbox.namespace, 'python3', '-c', forgedSolicitation, addresses.public6);
    await send();
    expect(await seen()).toBe(0);
    await firewall.uninstall();
    await send();
    await delay(50);
    expect(await seen()).toBe(1);
  });
});

/** Sends a neighbour solicitation to the address in the argument, with the hop limit of a true one. */
const forgedSolicitation = `
import socket, sys
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
s.sendto(bytes([135, 0, 0, 0, 0, 0, 0, 0]) + socket.inet_pton(socket.AF_INET6, sys.argv[1]), (sys.argv[1], 0))
`;

describe('while no ruleset is loaded', () => {
  const ports = { outside: 7001, host: 7002 };
  let linkLocal: string;

  beforeAll(async () => {
    await outside.order({ do: 'serve', port: ports.outside });
    await host.order({ do: 'serve', port: ports.host });
    await convergeSettings(bridgeSettings(bridge), { namespace: world.host });
    linkLocal = /fe80[0-9a-f:]+/.exec(
      await inside(world.host, 'ip', '-6', 'addr', 'show', 'dev', 'coibr0', 'scope', 'link'),
    )![0];
  });

  async function floodAndFlush(): Promise<{ outside: number; host: number; sent: number }> {
    await firewall.converge(rulesFor('none', sandbox));
    const before = await counts();
    const { public4, public6, private4, gateway4, gateway6, hostPublic4, hostPublic6 } = addresses;
    const targets = [public4, public6, private4, gateway4, gateway6, hostPublic4, hostPublic6, `${linkLocal}%eth0`];
    const floods = Object.values(ports).map((target) =>
      sandbox.order({ do: 'flood', targets, port: target, ms: 1_200 }),
    );
    for (let cycle = 0; cycle < 10; cycle++) {
      await inside(world.host, 'nft', 'flush', 'ruleset');
      await delay(60);
      await firewall.converge(rulesFor('none', sandbox));
    }
    const sent = (await Promise.all(floods)) as number[];
    const after = await counts();
    return { outside: after.outside - before.outside, host: after.host - before.host, sent: sent[0]! + sent[1]! };
  }

  async function counts(): Promise<{ outside: number; host: number }> {
    return {
      outside: (await outside.order({ do: 'received', port: ports.outside })) as number,
      host: (await host.order({ do: 'received', port: ports.host })) as number,
    };
  }

  it('the block policies let nothing out and nothing to the host', async () => {
    await convergeBlockPolicies({ bridge, namespace: world.host });
    const { sent, ...arrived } = await floodAndFlush();
    expect(sent).toBeGreaterThan(1_000);
    expect(arrived).toEqual({ outside: 0, host: 0 });
  });

  it('the same flood gets through without them, so the proof above means something', async () => {
    await removeBlockPolicies({ bridge, namespace: world.host });
    const arrived = await floodAndFlush();
    expect(arrived.outside).toBeGreaterThan(0);
    expect(arrived.host).toBeGreaterThan(0);
  });

  it('the block policies also hold for link-local sources', async () => {
    const from = `${linkLocalAddress(sandbox.endpoint.mac)}%eth0`;
    const arrived = () => host.order({ do: 'received', port: ports.host });
    const send = async () => {
      const before = (await arrived()) as number;
      await sandbox.order({ do: 'ask', host: addresses.gateway6, from, port: ports.host });
      await sandbox.order({ do: 'ask', host: `${linkLocal}%eth0`, from, port: ports.host });
      return ((await arrived()) as number) - before;
    };
    await firewall.uninstall();
    await removeBlockPolicies({ bridge, namespace: world.host });
    expect(await send()).toBe(2);
    await convergeBlockPolicies({ bridge, namespace: world.host });
    expect(await send()).toBe(0);
    await removeBlockPolicies({ bridge, namespace: world.host });
  });

  it('any one of our chains gone still opens nothing', async () => {
    await firewall.converge(rulesFor('none', sandbox));
    const hooks = ['inet coi judge', 'inet coi forward', 'inet coi input', 'bridge coi guard', 'bridge coi between'];
    for (const chain of hooks) {
      await inside(world.host, 'nft', 'flush', 'chain', ...chain.split(' '));
      for (const target of [addresses.public4, addresses.public6, addresses.gateway4, addresses.gateway6]) {
        expect(await sandbox.order({ do: 'ask', host: target, port }), `${target} without ${chain}`).toBe('shut');
      }
      await firewall.converge(rulesFor('none', sandbox));
    }
  });
});
