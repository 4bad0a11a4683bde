import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { HealthReport } from '../../src/health/run-checks.ts';
import type { Agent } from '../host/nft/world.ts';
import { until } from '../lab/until.ts';
import { dockerChains, noIptables, sh, startFirewalld, ufwChains, ufwFix } from './firewalls.ts';
import { watchedOnly } from '../lab/settings.ts';
import { Place, type Guest } from './place.ts';
import { hostAddresses, openFrom, port, type Target, tcpTargets } from './targets.ts';
import { mainProgram } from '../program.ts';

let place: Place;
let guest: Guest;
let internet: Agent;
let targets: Target[];

/** What a sandbox in mode `restricted` reaches, by name. */
const allowed = ['internet4', 'internet6'];
const denied = ['private4', 'private6', 'sibling4', 'sibling6', 'metadata4'];

beforeAll(async () => {
  // Health also looks for the image that sandboxes start from unless they say otherwise: the lab has another one.
  const settings = `[incus]\nstorage_pool = "default"\n[defaults]\nimage = "busybox"\n${watchedOnly}`;
  place = await Place.open({ name: 'beside', settings });
  const { ipv4, ipv6 } = await place.lab.neighbour('internet');
  const near = await place.lab.neighbour('private');
  internet = await place.neighbour('internet');
  guest = await place.guest('guest', 'network.mode = "restricted"');
  const sibling = await place.guest('sibling', 'network.mode = "open"');
  await place.speaksIPv6(guest);
  await until('the second layer to be whole', async () => (await health()).checks['block_policies']?.status === 'ok');
  const agents = [internet, await place.neighbour('private'), place.host(), sibling];
  for (const agent of agents) await agent.order({ do: 'serve', port });
  const hosts = await hostAddresses(place.lab);
  targets = tcpTargets({
    internet4: ipv4,
    internet6: ipv6,
    private4: near.ipv4,
    private6: near.ipv6,
    metadata4: '169.254.169.254',
    sibling4: sibling.ipv4,
    sibling6: sibling.ipv6,
    ...Object.fromEntries(hosts.map((address) => [`host ${address}`, address])),
  });
});
afterAll(() => place?.[Symbol.asyncDispose]());

const reached = () => openFrom(place.lab, guest.instance, targets);
const asks = async () =>
  (await place.inside(guest, 'sh', '-c', 'udhcpc -i eth0 -n -q -t 4 -T 2 -s /bin/true')).exitCode === 0;

async function health(): Promise<HealthReport> {
  const { stdout } = await place.controller.coi('health', '--quick', '--format', 'json');
  return JSON.parse(stdout) as HealthReport;
}

/** What `coi health` says about one neighbour, and that nothing else is wrong. */
async function finding(name: string) {
  const { checks, status } = await health();
  const wrong = Object.values(checks).filter(({ status: its }) => its === 'warning' || its === 'failed');
  expect(wrong.map((check) => check.name)).toEqual(checks[name]?.status === 'ok' ? [] : [name]);
  return { ...checks[name], overall: status };
}

async function expectUsual(): Promise<void> {
  expect(await reached()).toEqual(allowed);
  expect(await asks()).toBe(true);
}

describe('a host without neighbours', () => {
  it('is healthy, and the sandbox reaches what it should', async () => {
    const { exitCode, stdout } = await place.controller.coi('health', '--quick');
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: expect.stringContaining('STATUS: healthy') });
    await expectUsual();
    expect(denied.every((name) => targets.some((target) => target.name === name))).toBe(true);
  });

  it('is what it is to a user who is not root, as far as that goes', async () => {
    const { stdout } = await place.controller.coi('health', '--quick', '--format', 'json');
    const main = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, mainProgram];
    const env = { ...place.controller.env, HOME: '/nonexistent', NODE_DISABLE_COMPILE_CACHE: '1' };
    const other = await place.lab.run([...main, 'health', '--quick', '--format', 'json'], { env });
    const seen = JSON.parse(other.stdout) as HealthReport;
    expect(Object.keys(seen.checks)).toEqual(Object.keys((JSON.parse(stdout) as HealthReport).checks));
    expect(seen.summary.unknown).toBeGreaterThan(3);
    expect(seen.checks['docker']).toMatchObject({ status: 'unknown' });
    expect(seen.checks['incus']).toMatchObject({
      status: 'failed',
      fix: [expect.stringContaining('usermod'), '# Then log in again.'],
    });
  });
});

describe('Docker’s chains', () => {
  afterEach(() => sh(place.lab, noIptables));

  it('shut everything out, health says why, and with its fix all is as without them', async () => {
    await sh(place.lab, dockerChains);
    expect(await reached()).toEqual([]);
    const { status, message, fix = [], overall } = await finding('docker');
    expect({ status, overall }).toEqual({ status: 'failed', overall: 'unhealthy' });
    expect(message).toContain('policy of FORWARD');
    expect(fix).toHaveLength(4);
    expect((await place.controller.coi('health', '--quick')).exitCode).toBe(2);
    await sh(place.lab, fix.join('\n'));
    await expectUsual();
    expect(await finding('docker')).toMatchObject({ status: 'ok', overall: 'healthy' });
  });

  it('accept for everybody, and coi’s drops hold', async () => {
    await sh(place.lab, dockerChains);
    for (const program of ['iptables-nft', 'ip6tables-nft']) {
      await sh(place.lab, `${program} -I DOCKER-USER -j ACCEPT; ${program} -I INPUT -j ACCEPT`);
    }
    expect(await reached()).toEqual(allowed);
  });
});

describe('ufw’s chains', () => {
  afterEach(() => sh(place.lab, noIptables));

  it('shut everything out, health says why, and with its fix all is as without them', async () => {
    await sh(place.lab, ufwChains);
    expect(await reached()).toEqual([]);
    expect(await asks()).toBe(false);
    const { status, message, fix = [] } = await finding('ufw');
    expect(status).toBe('failed');
    expect(message).toContain('DHCP');
    expect(fix).toEqual(['ufw allow in on coibr0', 'ufw route allow in on coibr0']);
    for (const command of fix) await sh(place.lab, ufwFix(command));
    await expectUsual();
    expect(await finding('ufw')).toMatchObject({ status: 'ok' });
  });
});

describe('rules made by hand', () => {
  afterEach(() => sh(place.lab, `${noIptables}; nft delete table inet hand 2>/dev/null || true`));

  it('of iptables: health says what they drop and what helps', async () => {
    await sh(place.lab, 'iptables-nft -P FORWARD DROP; ip6tables-nft -P FORWARD DROP');
    expect(await reached()).toEqual([]);
    const { status, fix = [] } = await finding('other_firewalls');
    expect(status).toBe('failed');
    await sh(place.lab, fix.join('\n'));
    await expectUsual();
    expect(await finding('other_firewalls')).toMatchObject({ status: 'ok' });
  });

  it('of nft: the same', async () => {
    const chain = (hook: string) =>
      `chain ${hook} { type filter hook ${hook} priority 0; policy drop; ct state established accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; iifname lo accept; }`;
    await place.lab.inside.output(['nft', '-f', '-'], {
      input: `table inet hand {\n${chain('forward')}\n${chain('input')}\n}\n`,
    });
    expect(await reached()).toEqual([]);
    const { status, message, fix = [] } = await finding('other_firewalls');
    expect(status).toBe('warning');
    expect(message).toContain('inet hand forward, inet hand input');
    await sh(place.lab, fix.join('\n'));
    await expectUsual();
    expect(await finding('other_firewalls')).toMatchObject({ status: 'ok' });
  });

  it('that use coi’s mark bits are named', async () => {
    await sh(
      place.lab,
      'nft add table inet hand; nft add chain inet hand out "{ type route hook output priority 0; }"',
    );
    await sh(place.lab, 'nft add rule inet hand out meta mark set meta mark or 0x20000000');
    expect(await finding('packet_marks')).toMatchObject({
      status: 'warning',
      message: expect.stringContaining('uses the bits: nft inet hand out'),
    });
    await sh(place.lab, 'nft delete table inet hand; ip rule add fwmark 0x10000000/0x10000000 lookup main pref 99');
    expect(await finding('packet_marks')).toMatchObject({ message: expect.stringContaining('ip rule 99') });
    await sh(place.lab, 'ip rule delete pref 99');
    expect(await finding('packet_marks')).toMatchObject({ status: 'ok' });
  });
});

describe('other programs', () => {
  it('that switch forwarding off are named', async () => {
    await sh(place.lab, 'sysctl -qw net.ipv4.ip_forward=0');
    expect(await reached()).toEqual(['internet6']);
    const { status, fix = [] } = await finding('ip_forwarding');
    expect({ status, fix }).toEqual({ status: 'warning', fix: ['sysctl -w net/ipv4/ip_forward=1'] });
    await sh(place.lab, fix.join('\n'));
    await expectUsual();
  });

  it('that sit on the resolver’s port are named', async () => {
    await place.controller.stop();
    const script = "require('node:net').createServer().listen(5380, '::', () => console.log('sits'))";
    const squatter = place.lab.spawn([process.execPath, '-e', script]);
    await squatter.printed(/sits/);
    expect(await finding('resolver_port')).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('5380'),
    });
    await squatter.stop();
    await place.controller.start();
    expect(await finding('resolver_port')).toMatchObject({ status: 'ok' });
  });
});

describe('firewalld', () => {
  it('shuts everything out; in its trusted zone all is as without it, and a reload cuts nothing', async () => {
    const firewalld = await startFirewalld(place.lab);
    expect(await reached()).toEqual([]);
    expect(await asks()).toBe(false);
    const {
      status,
      message,
      fix = [],
    } = Object.values((await health()).checks).find(({ name }) => name === 'firewalld')!;
    expect(status).toBe('failed');
    expect(message).toContain('"public"');
    await sh(place.lab, fix.join('\n'));
    await expectUsual();
    expect((await health()).checks['firewalld']).toMatchObject({ status: 'ok' });

    // A table that was loaded anew has another handle.
    const handles = async () =>
      /table inet coi \{ # handle \d+/.exec(await sh(place.lab, 'nft -a -t list table inet coi'))?.[0];
    const before = await handles();
    expect(before).toBeDefined();
    const { ipv4 } = await place.lab.neighbour('internet');
    const connection = (await guest.order({ do: 'connect', host: ipv4, port, keep: true })) as number;
    expect(await guest.order({ do: 'talk', connection })).toBe('open');
    await sh(place.lab, 'firewall-cmd --reload');
    expect(await guest.order({ do: 'talk', connection })).toBe('open');
    expect(await handles()).toBe(before);
    await expectUsual();
    await firewalld.stop();
    await until('its rules to go', async () => !(await sh(place.lab, 'nft list tables')).includes('firewalld'));
    await expectUsual();
  });
});
