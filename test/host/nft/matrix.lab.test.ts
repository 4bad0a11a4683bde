import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NftFirewall } from '../../../src/host/nft/firewall.ts';
import { openOn, rulesFor, uids } from './guarded.ts';
import { addresses, inside, World } from './world.ts';
import type { Agent, TestSandbox } from './world.ts';

const port = 8080;
let world: World;
let firewall: NftFirewall;
let sandbox: TestSandbox;
let sibling: TestSandbox;
let host: Agent;
let outside: Agent;
/** What each probe found without any rules of ours. */
let bare: Record<string, unknown>;

/** Every way out of a sandbox and into it that the modes decide about; `open` means an answer came back. */
async function probe(): Promise<Record<string, unknown>> {
  const targets = { ...addresses, sibling4: sibling.endpoint.ipv4, sibling6: sibling.endpoint.ipv6! };
  const { gateway4, gateway6, hostPublic4 } = addresses;
  const { ipv4, ipv6 } = sandbox.endpoint;
  const tries: Record<string, Promise<unknown>> = {
    dns4: sandbox.order({ do: 'connect', host: gateway4, port: 53 }),
    dns6: sandbox.order({ do: 'connect', host: gateway6, port: 53 }),
    'dns4 udp': sandbox.order({ do: 'ask', host: gateway4, port: 53 }),
    'dns6 udp': sandbox.order({ do: 'ask', host: gateway6, port: 53 }),
    'dns elsewhere on the host': sandbox.order({ do: 'ask', host: hostPublic4, port: 53 }),
    'from host4': host.order({ do: 'connect', host: ipv4, port }),
    'from host6': host.order({ do: 'connect', host: ipv6!, port }),
    'from outside4': outside.order({ do: 'connect', host: ipv4, port }),
    'from outside6': outside.order({ do: 'connect', host: ipv6!, port }),
  };
  for (const [name, address] of Object.entries(targets)) {
    tries[name] = sandbox.order({ do: 'connect', host: address, port });
    tries[`${name} udp`] = sandbox.order({ do: 'ask', host: address, port });
  }
  return Object.fromEntries(
    await Promise.all(Object.entries(tries).map(async ([name, answer]) => [name, await answer] as const)),
  );
}

function openOnes(found: Record<string, unknown>): string[] {
  return Object.entries(found).flatMap(([name, answer]) => (answer === 'open' ? [name] : []));
}

const always = ['from host4', 'from host6'];
const dns = ['dns4', 'dns4 udp', 'dns6', 'dns6 udp'];
const both = (name: string) => [name, `${name} udp`];

beforeAll(async () => {
  world = await World.make();
  sandbox = await world.sandbox(uids[0]);
  sibling = await world.sandbox(uids[1]);
  host = world.agent(world.host);
  outside = world.agent(world.outside);
  for (const agent of [host, outside, sandbox, sibling]) await agent.order({ do: 'serve', port });
  await host.order({ do: 'serve', port: 53 });
  await world.settle(sandbox, [addresses.public6, addresses.private6, sibling.endpoint.ipv6!], port);
  bare = await probe();
  firewall = await openOn(world);
});

afterAll(async () => {
  await firewall[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
});

describe('modes', () => {
  it('are tried on targets that answer when nothing is in the way', () => {
    expect(Object.keys(bare).filter((name) => bare[name] !== 'open')).toEqual([]);
  });

  it('restricted lets out to the public network alone, and asks the gateway for names', async () => {
    await firewall.converge(rulesFor('restricted', sandbox, sibling));
    const expected = [...both('public4'), ...both('public6'), ...dns, ...always];
    expect(new Set(openOnes(await probe()))).toEqual(new Set(expected));
  });

  it('open also lets out to private networks, but neither to the host nor to siblings', async () => {
    await firewall.converge(rulesFor('open', sandbox, sibling));
    // Datagrams to the metadata address are answered from another one, which address translation rightly passes by.
    const reachable = [...['public4', 'public6', 'private4', 'private6'].flatMap(both), 'metadata4'];
    expect(new Set(openOnes(await probe()))).toEqual(new Set([...reachable, ...dns, ...always]));
  });

  it('none lets nothing out, not even names', async () => {
    await firewall.converge(rulesFor('none', sandbox, sibling));
    expect(new Set(openOnes(await probe()))).toEqual(new Set(always));
  });

  it('let nothing in or out of a sandbox without a policy, not even answers', async () => {
    await firewall.converge(rulesFor('open', sibling));
    expect(openOnes(await probe())).toEqual([]);
  });

  it('let nothing in that nobody inside asked for', async () => {
    const arrived = () => sandbox.order({ do: 'received', port });
    const send = async () => {
      const before = (await arrived()) as number;
      await outside.order({ do: 'ask', host: sandbox.endpoint.ipv4, port });
      await outside.order({ do: 'ask', host: sandbox.endpoint.ipv6!, port });
      return ((await arrived()) as number) - before;
    };
    await firewall.converge(rulesFor('open', sandbox, sibling));
    expect(await send()).toBe(0);
    await firewall.uninstall();
    expect(await send()).toBe(2);
  });

  it('hold when bridged frames are not shown to the IP tables', async () => {
    const settings = [
      'net.bridge.bridge-nf-call-iptables=0',
      'net.bridge.bridge-nf-call-ip6tables=0',
      'net.bridge.bridge-nf-call-arptables=0',
    ];
    await inside(world.host, 'sysctl', '-qw', ...settings);
    await firewall.converge(rulesFor('restricted', sandbox, sibling));
    const expected = [...both('public4'), ...both('public6'), ...dns, ...always];
    expect(new Set(openOnes(await probe()))).toEqual(new Set(expected));
    await inside(world.host, 'sysctl', '-qw', ...settings.map((setting) => setting.replace('=0', '=1')));
  });
});

describe('siblings', () => {
  it('reach each other neither directly nor through the gateway', async () => {
    await firewall.converge(rulesFor('open', sandbox, sibling));
    const pairs = [
      [sandbox, sibling],
      [sibling, sandbox],
    ] as const;
    for (const [one, { endpoint }] of pairs) {
      await inside(one.namespace, 'ip', 'route', 'add', `${endpoint.ipv4}/32`, 'via', addresses.gateway4);
      await inside(one.namespace, 'ip', 'route', 'add', `${endpoint.ipv6}/128`, 'via', addresses.gateway6);
    }
    expect(await sandbox.order({ do: 'connect', host: sibling.endpoint.ipv4, port })).toBe('shut');
    expect(await sandbox.order({ do: 'connect', host: sibling.endpoint.ipv6!, port })).toBe('shut');
    await firewall.uninstall();
    expect(await sandbox.order({ do: 'connect', host: sibling.endpoint.ipv4, port })).toBe('open');
    expect(await sandbox.order({ do: 'connect', host: sibling.endpoint.ipv6!, port })).toBe('open');
    for (const [one, { endpoint }] of pairs) {
      await inside(one.namespace, 'ip', 'route', 'delete', `${endpoint.ipv4}/32`);
      await inside(one.namespace, 'ip', 'route', 'delete', `${endpoint.ipv6}/128`);
    }
  });
});

describe('identity', () => {
  const other4 = '10.90.77.77';
  const other6 = 'fd42:90::7777';

  it('holds a sandbox to its own addresses', async () => {
    await inside(sandbox.namespace, 'ip', 'addr', 'add', `${other4}/16`, 'dev', 'eth0');
    await inside(sandbox.namespace, 'ip', 'addr', 'add', `${other6}/64`, 'dev', 'eth0', 'nodad');
    const tries = [
      { do: 'connect', host: addresses.public4, from: other4, port },
      { do: 'connect', host: addresses.gateway4, from: other4, port: 53 },
      { do: 'connect', host: addresses.gateway6, from: other6, port: 53 },
    ] as const;
    await firewall.uninstall();
    for (const order of tries) expect(await sandbox.order(order)).toBe('open');
    await firewall.converge(rulesFor('open', sandbox, sibling));
    for (const order of tries) expect(await sandbox.order(order)).toBe('shut');
  });

  it('holds a sandbox to its own addresses even when the one it takes is a sibling’s with more rights', async () => {
    const open = rulesFor('open', sibling);
    const none = rulesFor('none', sandbox);
    const elements = new Map([...open.elements].map(([id, set]) => [id, new Map([...set, ...none.elements.get(id)!])]));
    await firewall.converge({ ...open, elements });
    const { ipv4, ipv6 } = sibling.endpoint;
    await inside(sandbox.namespace, 'ip', 'addr', 'add', `${ipv4}/16`, 'dev', 'eth0');
    await inside(sandbox.namespace, 'ip', 'addr', 'add', `${ipv6}/64`, 'dev', 'eth0', 'nodad');
    const arrived = () => outside.order({ do: 'received', port });
    // Answers would go to the true owner, so what counts is what arrives.
    const forge = async () => {
      const before = (await arrived()) as number;
      await sandbox.order({ do: 'ask', host: addresses.public4, from: ipv4, port });
      await sandbox.order({ do: 'ask', host: addresses.public6, from: ipv6!, port });
      return ((await arrived()) as number) - before;
    };
    expect(await forge()).toBe(0);
    expect(await sibling.order({ do: 'connect', host: addresses.public4, port })).toBe('open');
    await firewall.uninstall();
    expect(await forge()).toBe(2);
    await inside(sandbox.namespace, 'ip', 'addr', 'delete', `${ipv4}/16`, 'dev', 'eth0');
    await inside(sandbox.namespace, 'ip', 'addr', 'delete', `${ipv6}/64`, 'dev', 'eth0');
  });

  it('holds a sandbox to its own MAC', async () => {
    await firewall.converge(rulesFor('open', sandbox, sibling));
    const order = { do: 'connect', host: addresses.public4, port } as const;
    expect(await sandbox.order(order)).toBe('open');
    await inside(sandbox.namespace, 'ip', 'link', 'set', 'eth0', 'address', '10:66:6a:c0:77:77');
    expect(await sandbox.order(order)).toBe('shut');
    await inside(sandbox.namespace, 'ip', 'link', 'set', 'eth0', 'address', sandbox.endpoint.mac);
    await inside(sandbox.namespace, 'ip', 'route', 'replace', 'default', 'via', 'fd42:90::1');
    expect(await sandbox.order(order)).toBe('open');
  });

  it('lets no sandbox advertise itself as a neighbour of another’s address', async () => {
    const claim = async () => {
      await inside(world.host, 'ip', '-6', 'neigh', 'flush', 'dev', 'coibr0');
      await inside(sandbox.namespace, 'ip', 'addr', 'add', `${sibling.endpoint.ipv6}/64`, 'dev', 'eth0', 'nodad');
      await inside(sibling.namespace, 'ip', 'link', 'set', 'eth0', 'down');
      const answer = await host.order({ do: 'connect', host: sibling.endpoint.ipv6!, port });
      await inside(sandbox.namespace, 'ip', 'addr', 'delete', `${sibling.endpoint.ipv6}/64`, 'dev', 'eth0');
      await inside(sibling.namespace, 'ip', 'link', 'set', 'eth0', 'up');
      return answer;
    };
    expect(await claim()).toBe('shut');
    await firewall.uninstall();
    expect(await claim()).toBe('open');
  });

  it('lets no sandbox advertise another’s address from its own', async () => {
    const { ipv6, mac } = sibling.endpoint;
    const neighbour = async () => {
      await inside(
        world.host,
        'ip',
        '-6',
        'neigh',
        'replace',
        ipv6!,
        'lladdr',
        mac,
        'nud',
        'reachable',
        'dev',
        'coibr0',
      );
      const own = [sandbox.endpoint.ipv6!, sandbox.endpoint.mac];
      await inside(sandbox.namespace, 'python3', '-c', forgedAdvertisement, addresses.gateway6, ipv6!, ...own);
      await delay(50);
      return inside(world.host, 'ip', '-6', 'neigh', 'show', ipv6!);
    };
    await firewall.converge(rulesFor('open', sandbox, sibling));
    await host.order({ do: 'connect', host: sandbox.endpoint.ipv6!, port });
    expect(await neighbour()).toContain(mac);
    await firewall.uninstall();
    expect(await neighbour()).toContain(sandbox.endpoint.mac);
  });

  it('lets nothing through a port on the bridge whose name is not ours', async () => {
    await firewall.converge(rulesFor('open', sandbox, sibling));
    await inside(world.host, 'ip', 'link', 'set', sandbox.endpoint.port, 'down');
    await inside(world.host, 'ip', 'link', 'set', sandbox.endpoint.port, 'name', 'veth0');
    await inside(world.host, 'ip', 'link', 'set', 'veth0', 'up');
    expect(await sandbox.order({ do: 'connect', host: addresses.public4, port })).toBe('shut');
    expect(await sandbox.order({ do: 'ask', host: addresses.gateway4, port: 53 })).toBe('shut');
    expect(await sandbox.order({ do: 'connect', host: sibling.endpoint.ipv4, port })).toBe('shut');
  });
});

/** Tells the first argument that the second is at the MAC of the fourth, from the address of the third. */
const forgedAdvertisement = `
import socket, sys
to, target, own, mac = sys.argv[1:5]
s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, 255)
s.bind((own, 0))
header = bytes([136, 0, 0, 0, 0x60, 0, 0, 0])
option = bytes([2, 1]) + bytes.fromhex(mac.replace(':', ''))
s.sendto(header + socket.inet_pton(socket.AF_INET6, target) + option, (to, 0))
`;
