import type { ChildProcess } from 'node:child_process';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { openIncus, type Incus } from '../../src/host/incus/client.ts';
import { openAclFirewall, type AclFirewall } from '../../src/host/incus-acl/firewall.ts';
import { bridgeSettings, convergeSettings } from '../../src/host/link/settings.ts';
import { convergeBlockPolicies } from '../../src/host/xfrm/xfrm.ts';
import { chooseEndpoint } from '../../src/network/endpoint.ts';
import { uids } from '../host/nft/guarded.ts';
import { addresses, bridge, startAgent, type Agent } from '../host/nft/world.ts';
import { openLab, type Lab } from '../lab/lab.ts';
import { until } from '../lab/until.ts';
import { openOnes, placesOf, rulesOf, serveAll, waysIn, type Parties, type Tried } from './conformance-world.ts';
import { ledTo, policies, probes, type PolicyLetter } from './conformance.ts';

const letters = Object.keys(policies) as PolicyLetter[];
const always = ['host IPv4', 'host IPv6'];
const aclName = 'coi-coibr0-sandboxes';
const namespace = `coit-acl-${process.pid}`;

let stack: AsyncDisposableStack;
let lab: Lab;
let incus: Incus;
let parties: Parties;
let firewall: AclFirewall;
let hints = 0;
const children: ChildProcess[] = [];
const table: Record<string, string[]> = {};

const as = (letter: PolicyLetter) => rulesOf(parties, policies[letter]);
const inLab = (...argv: string[]) => lab.inside.output(argv);
const acl = async () => JSON.parse(await lab.incus('query', `/1.0/network-acls/${aclName}`)) as { egress: object[] };
const chains = async () => (await inLab('nft', 'list', 'chains')).split('\n').filter((line) => /acl/.test(line));

function agent(netns: string): Agent {
  const started = startAgent(netns);
  children.push(started.child);
  return started.agent;
}

/** A real container on the bridge, with the NIC that coi gives its own. */
async function container(uid: string): Promise<Tried> {
  const endpoint = chooseEndpoint({ uid, bridge, taken: new Set() });
  const { port, mac, ipv4, ipv6 = '' } = endpoint;
  const name = `coi-tried-${uid.slice(-1)}`;
  const keys = { network: 'coibr0', name: 'eth0', hwaddr: mac, host_name: port, 'ipv4.address': ipv4 };
  const words = Object.entries(keys).map(([key, value]) => `${key}=${value}`);
  await lab.incus('init', 'busybox', name);
  await lab.incus('config', 'device', 'add', name, 'eth0', 'nic', ...words, 'security.port_isolation=true');
  await lab.incus('start', name);
  const hasAddresses = async () => {
    const shown = await lab.incus('exec', name, '--', 'ip', 'addr', 'show', 'dev', 'eth0');
    return shown.includes(ipv4) && shown.includes(ipv6);
  };
  await until('its addresses', hasAddresses, { timeoutMs: 30_000 });
  const { pid } = JSON.parse(await lab.incus('query', `/1.0/instances/${name}/state`)) as { pid: number };
  const inside = agent(`/proc/${pid}/ns/net`);
  await inside.order({ do: 'serve', port: 8080 });
  return { uid, endpoint, order: (order) => inside.order(order) };
}

beforeAll(async () => {
  stack = new AsyncDisposableStack();
  lab = stack.use(await openLab({ name: 'acl' }));
  stack.defer(() => children.forEach((child) => child.kill('SIGKILL')));
  await execa('ip', ['netns', 'attach', namespace, /\d+/.exec(lab.netns)![0]]);
  stack.defer(async () => {
    await execa('ip', ['netns', 'delete', namespace]);
  });
  incus = stack.use(openIncus({ socketPath: lab.socket, clock }));
  // So that whoever is asked for names answers what is asked here.
  await lab.incus('network', 'set', 'coibr0', 'raw.dnsmasq', 'port=0');
  const internet = await lab.neighbour('internet');
  for (const address of placesOf().outside)
    if (!internet.addresses.includes(address)) await internet.addAddress(address);
  await inLab('ip', '-6', 'addr', 'add', '2001:db8:1::1/128', 'dev', 'lo');
  const [host, outside] = [agent(lab.netns), agent(internet.inside.netns)];
  await serveAll({ host, outside });
  parties = { sandbox: await container(uids[0]), sibling: await container(uids[1]), host, outside };
  await convergeSettings(bridgeSettings(bridge), { namespace });
});
afterAll(() => stack.disposeAsync());

function open(): Promise<AclFirewall> {
  const timed = () => ledTo(parties.sandbox.uid, parties.sandbox.endpoint);
  return openAclFirewall({
    clock,
    signal: new AbortController().signal,
    namespace,
    onDrift: () => hints++,
    timed,
    bridge,
    incus,
  });
}

describe('with Incus’ network ACLs as backend, in real containers', () => {
  it('tries targets that all answer when nothing is in the way', async () => {
    expect(await openOnes(parties)).toEqual(probes().map(({ name }) => name));
    firewall = stack.use(await open());
    await convergeBlockPolicies({ bridge, namespace });
  });

  it.each(letters)('policy %s lets through what the table says', async (letter) => {
    await firewall.converge(as(letter));
    const expected = probes().flatMap(({ name, row }) => (row.openIn.includes(letter) ? [name] : []));
    table[letter] = await openOnes(parties);
    expect(table[letter]).toEqual(expected);
    expect(await waysIn(parties)).toEqual(always);
  });

  it.each(letters)('the ACL alone says the same of policy %s, but for what ends on the host', async (letter) => {
    await using nft = await import('../../src/host/nft/firewall.ts').then(({ openFirewall }) =>
      openFirewall({ clock, signal: new AbortController().signal, namespace, onDrift: () => undefined }),
    );
    await firewall.converge(as(letter));
    // Who only sees to it that nft says yes to all finds out what Incus says.
    await nft.converge(as('O'));
    const away = probes().filter(({ row }) => !row.onHost);
    const expected = away.flatMap(({ name, row }) => (row.openIn.includes(letter) ? [name] : []));
    const names = new Set(away.map(({ name }) => name));
    expect((await openOnes(parties)).filter((name) => names.has(name))).toEqual(expected);
  });

  it('has the rules of a new sandbox in force as soon as it says so', async () => {
    await firewall.converge(as('N'));
    await firewall.remove([parties.sandbox.uid]);
    expect(await openOnes(parties)).toEqual([]);
    expect(JSON.stringify(await acl())).not.toContain(parties.sandbox.uid);
    await firewall.ensure(as('L'));
    expect(await openOnes(parties)).toEqual(table['L']);
    const { egress } = await acl();
    expect(new Set(egress.map((rule) => (rule as { description: string }).description))).toEqual(
      new Set([parties.sandbox, parties.sibling].map(({ uid }) => `coi:${uid}`)),
    );
  });

  it('lets a sandbox reach where a name led as soon as it says so, and no longer when it led away', async () => {
    const { sandbox } = parties;
    const target = '203.0.113.99';
    await (await lab.neighbour('internet')).addAddress(target);
    await parties.outside.order({ do: 'serve', port: 443, hosts: [target] }).catch(() => undefined);
    await firewall.converge(as('A'));
    const order = { do: 'connect', host: target, port: 443 } as const;
    expect(await sandbox.order(order)).toBe('shut');
    const key = `${sandbox.endpoint.ipv4} . ${target}`;
    const element = { set: 'web4', key, uid: sandbox.uid, seconds: 60 } as const;
    await firewall.allow([element]);
    expect(await sandbox.order(order)).toBe('open');
    await firewall.disallow([element]);
    expect(await sandbox.order(order)).toBe('shut');
  });

  it('cuts flows that a tighter policy no longer allows, and keeps the others', async () => {
    const { sandbox } = parties;
    await firewall.converge(as('O'));
    const targets = ['203.0.113.10', '2001:db8:1::10', addresses.private4, addresses.private6];
    const flows: number[] = [];
    for (const host of targets) {
      flows.push((await sandbox.order({ do: 'connect', host, port: 8080, keep: true })) as number);
    }
    await firewall.ensure(as('R'));
    const after: unknown[] = [];
    for (const connection of flows) after.push(await sandbox.order({ do: 'talk', connection }));
    expect(after).toEqual(['open', 'open', 'shut', 'shut']);
  });

  it('does nothing more once everything is as it should be, and tells of no drift while only coi writes', async () => {
    await firewall.converge(as('R'));
    const nothing = { reloaded: false, added: 0, removed: 0, reasons: [] };
    expect(await firewall.converge(as('R'))).toEqual(nothing);
    const again = await open();
    expect(await again.converge(as('R'))).toEqual(nothing);
    await again[Symbol.asyncDispose]();
    const before = hints;
    await firewall.ensure(as('L'));
    await firewall.ensure(as('R'));
    await firewall.converge(as('R'));
    expect(hints).toBe(before);
  });

  it.each([
    ['the ACL is emptied', () => lab.incus('query', '-X', 'PUT', `/1.0/network-acls/${aclName}`, '-d', emptied)],
    ['a rule is added to it', () => lab.incus('network', 'acl', 'rule', 'add', aclName, 'egress', 'action=allow')],
    ['it is taken off the network', () => lab.incus('network', 'unset', 'coibr0', 'security.acls')],
    ['its chain is emptied', () => inLab('nft', 'flush', 'chain', 'inet', 'incus', 'acl.coibr0')],
    ['Incus’ rules are deleted', () => inLab('nft', 'delete', 'table', 'inet', 'incus')],
    ['the whole ruleset is flushed', () => inLab('nft', 'flush', 'ruleset')],
  ])('opens nothing and is put right: %s', async (_, meddle) => {
    await firewall.converge(as('R'));
    const before = (await parties.outside.order({ do: 'received', port: 8080 })) as number;
    const targets = [addresses.private4, addresses.private6, addresses.metadata4];
    const flood = parties.sandbox.order({ do: 'flood', targets, port: 8080, ms: 2_000 });
    const hintsBefore = hints;
    await meddle();
    expect(await flood).toBeGreaterThan(500);
    expect(await parties.outside.order({ do: 'received', port: 8080 })).toBe(before);
    await until(
      'a hint, or a look without one',
      async () => hints > hintsBefore || (await firewall.observe({ fresh: true })),
    );
    await firewall.converge(as('R'));
    expect(firewall.loaded()).toBeDefined();
    expect(await openOnes(parties)).toEqual(table['R']);
    expect((await acl()).egress.length).toBeGreaterThan(10);
  });

  it('leaves another ACL of the network alone, and nothing of its own when it goes', async () => {
    await lab.incus('network', 'acl', 'create', 'others');
    await lab.incus('network', 'acl', 'rule', 'add', 'others', 'egress', 'action=drop', 'destination=192.0.2.1');
    await lab.incus('network', 'set', 'coibr0', `security.acls=${aclName},others`);
    await firewall.converge(as('R'));
    await firewall.uninstall();
    expect((await lab.incus('network', 'get', 'coibr0', 'security.acls')).trim()).toBe('others');
    await lab.incus('network', 'unset', 'coibr0', 'security.acls');
    expect(await lab.incus('network', 'acl', 'list', '--format', 'csv')).not.toContain('coi-');
    await firewall.converge(as('R'));
    expect(await openOnes(parties)).toEqual(table['R']);
    await firewall.uninstall();
    expect(await chains()).toEqual([]);
    expect((await inLab('nft', 'list', 'tables')).includes('coi')).toBe(false);
  });

  it('says so where others are on the network', async () => {
    await lab.incus('init', 'busybox', 'web', '--network', 'coibr0');
    await expect(open()).rejects.toMatchObject({
      code: 'acl.unsuitable',
      message: expect.stringContaining(': web on'),
    });
    await lab.incus('delete', 'web');
  });

  it('says so where the network allows what no rule speaks of', async () => {
    await lab.incus('network', 'set', 'coibr0', 'security.acls.default.egress.action=allow');
    await expect(open()).rejects.toMatchObject({
      code: 'acl.unsuitable',
      hint: expect.stringContaining('unset coibr0'),
    });
    await lab.incus('network', 'unset', 'coibr0', 'security.acls.default.egress.action');
  });
});

const emptied = JSON.stringify({ egress: [], ingress: [], config: { 'user.coi.bridge': 'coibr0' } });
