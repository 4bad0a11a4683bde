import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createContainer } from '../lab/create.ts';
import { until } from '../lab/until.ts';
import { sh } from './firewalls.ts';
import { watchedOnly } from '../lab/settings.ts';
import { Place, type Guest } from './place.ts';
import { openFrom, port, type Target, tcpTargets } from './targets.ts';
import { startAgent, type Agent } from '../host/nft/world.ts';

const bridge = 'shared0';
const nic = { eth0: { type: 'nic', name: 'eth0', network: bridge } };
let place: Place;
let guest: Guest;
let targets: Target[];
const strangers: Agent[] = [];
const children: ReturnType<typeof startAgent>['child'][] = [];

interface Address {
  readonly family: string;
  readonly address: string;
  readonly scope: string;
}

async function addresses(name: string): Promise<{ ipv4: string; ipv6: string; pid: number }> {
  return until(
    `the addresses of ${name}`,
    async () => {
      const text = await place.lab.incus('query', `/1.0/instances/${name}/state`);
      const { network, pid } = JSON.parse(text) as { network: { eth0?: { addresses: Address[] } } | null; pid: number };
      const found = network?.eth0?.addresses.filter(({ scope }) => scope === 'global') ?? [];
      const ipv4 = found.find(({ family }) => family === 'inet')?.address;
      const ipv6 = found.find(({ family }) => family === 'inet6')?.address;
      return ipv4 && ipv6 ? { ipv4, ipv6, pid } : undefined;
    },
    { timeoutMs: 30_000 },
  );
}

beforeAll(async () => {
  place = await Place.open({
    name: 'shared',
    settings: `[incus]\nstorage_pool = "default"\n[controller]\nbridge = "${bridge}"\n[defaults]\nimage = "busybox"\n${watchedOnly}`,
    prepare: async (lab) => {
      const config = ['ipv4.address=10.93.0.1/24', 'ipv6.address=fd42:93::1/64', 'ipv4.nat=true', 'ipv6.nat=true'];
      await lab.incus('network', 'create', bridge, ...config);
      for (const name of ['stranger', 'other']) await createContainer(lab, { name, devices: nic });
    },
  });
  const { ipv4, ipv6 } = await place.lab.neighbour('internet');
  const near = await place.lab.neighbour('private');
  guest = await place.guest('guest', 'network.mode = "restricted"');
  const others = [await addresses('stranger'), await addresses('other')];
  await place.speaksIPv6(guest);
  for (const { pid } of others) {
    const { agent, child } = startAgent(`/proc/${pid}/ns/net`);
    strangers.push(agent);
    children.push(child);
  }
  const agents = [
    await place.neighbour('internet'),
    await place.neighbour('private'),
    place.host(),
    guest,
    ...strangers,
  ];
  for (const agent of agents) await agent.order({ do: 'serve', port });
  targets = tcpTargets({
    internet4: ipv4,
    internet6: ipv6,
    private4: near.ipv4,
    private6: near.ipv6,
    host4: '10.93.0.1',
    host6: 'fd42:93::1',
    other4: others[1]!.ipv4,
    other6: others[1]!.ipv6,
    guest4: guest.ipv4,
    guest6: guest.ipv6,
  });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await place?.[Symbol.asyncDispose]();
});

const from = (instance: string) =>
  openFrom(
    place.lab,
    instance,
    targets.filter(({ name }) => !(instance === guest.instance && name.startsWith('guest'))),
  );
const foreign = ['host4', 'host6', 'internet4', 'internet6', 'other4', 'other6', 'private4', 'private6'];
const allowed = ['internet4', 'internet6'];

/** Without any rules of Incus or coi packets keep their source, which makes no difference to these neighbours. */
async function expectForeign(...more: readonly string[]): Promise<void> {
  expect(await from('stranger')).toEqual([...foreign, ...more].toSorted());
}

const policies = async () => (await sh(place.lab, 'ip xfrm policy list')).match(/^src .*$/gm) ?? [];

describe('a bridge that is shared with others', () => {
  it('is one that Incus keeps rules of its own for', async () => {
    expect(await sh(place.lab, 'nft list ruleset')).toContain(`chain fwd.${bridge}`);
    const { devices } = await place.controller.instance(guest.instance);
    expect(devices['eth0']).toMatchObject({ network: bridge });
    expect((await place.controller.coi('health', '--quick')).stdout).toContain('STATUS: healthy');
  });

  it('judges sandboxes, and leaves others alone', async () => {
    expect(await from(guest.instance)).toEqual(allowed);
    await expectForeign();
    expect(await place.host().order({ do: 'connect', host: guest.ipv4, port })).toBe('open');
    expect(await place.host().order({ do: 'connect', host: guest.ipv6, port })).toBe('open');
  });

  it('keeps others and sandboxes apart through the gateway, too', async () => {
    const { ipv4, ipv6 } = await addresses('other');
    await place.inside(guest, 'ip', 'route', 'add', `${ipv4}/32`, 'via', '10.93.0.1');
    await place.inside(guest, 'ip', '-6', 'route', 'add', `${ipv6}/128`, 'via', 'fd42:93::1');
    await place.inside({ instance: 'stranger' }, 'ip', 'route', 'add', `${guest.ipv4}/32`, 'via', '10.93.0.1');
    expect(await from(guest.instance)).toEqual(allowed);
    await expectForeign();
    await place.inside({ instance: 'stranger' }, 'ip', 'route', 'delete', `${guest.ipv4}/32`);
    await place.inside(guest, 'ip', 'route', 'delete', `${ipv4}/32`);
    await place.inside(guest, 'ip', '-6', 'route', 'delete', `${ipv6}/128`);
  });

  it('lets nobody else speak under the address of a sandbox', async () => {
    const stranger = { instance: 'stranger' };
    const internet = await place.neighbour('internet');
    await internet.order({ do: 'serve', port: 7777 });
    const { ipv4 } = await place.lab.neighbour('internet');
    const send = async () => {
      const before = (await internet.order({ do: 'received', port: 7777 })) as number;
      await strangers[0]!.order({ do: 'ask', host: ipv4, from: guest.ipv4, port: 7777 });
      return ((await internet.order({ do: 'received', port: 7777 })) as number) - before;
    };
    await place.inside(stranger, 'ip', 'address', 'add', `${guest.ipv4}/24`, 'dev', 'eth0');
    expect(await send()).toBe(0);
    await place.bare(guest);
    expect(await send()).toBe(1);
    await place.restored(guest);
    await place.inside(stranger, 'ip', 'address', 'delete', `${guest.ipv4}/24`, 'dev', 'eth0');
    await place.controller.ready('guest', 'running');
    await until('the neighbours to be themselves', async () => (await from(guest.instance)).length === 2);
  });

  it('blocks single addresses, from before the first start to after the end', async () => {
    expect((await policies()).filter((line) => line.includes(guest.ipv4))).toHaveLength(2);
    expect(await policies()).toHaveLength(5);
    await place.guest('second', 'network.mode = "open"');
    expect(await policies()).toHaveLength(10);
    await place.controller.remove('second.toml');
    await place.controller.gone('second');
    await until('its policies to go', async () => (await policies()).length === 5);
  });

  it('lets others go on while the ruleset is gone, and sandboxes not', async () => {
    await place.controller.stop('SIGKILL');
    await sh(place.lab, 'nft flush ruleset');
    // What stays on the bridge is not asked about by the second layer.
    await expectForeign('guest4', 'guest6');
    const open = await from(guest.instance);
    console.log(`open to a sandbox on a shared bridge while flushed, without a controller: ${JSON.stringify(open)}`);
    expect(open.filter((name) => !name.startsWith('other'))).toEqual([]);
    await place.controller.start();
    expect(await from(guest.instance)).toEqual(allowed);
    await expectForeign();
  });

  it('is as it was before, once coi is uninstalled', async () => {
    await place.controller.stop();
    expect(await place.controller.coi('uninstall', '--yes')).toMatchObject({ exitCode: 0 });
    expect(await policies()).toEqual([]);
    expect(await sh(place.lab, 'nft list tables')).not.toContain('coi');
    await expectForeign();
  });
});
