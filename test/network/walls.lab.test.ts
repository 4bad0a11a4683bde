import { mkdir, readFile, stat, writeFile, chown } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Agent } from '../host/nft/world.ts';
import { until } from '../lab/until.ts';
import { Place, type Guest } from './place.ts';

const port = 8082;
let place: Place;
let guest: Guest;
let internet: Agent;
let workspace: string;

beforeAll(async () => {
  place = await Place.open({
    name: 'walls',
    images: ['busybox', 'system'],
    prepare: async (lab) => {
      await lab.incus('network', 'create', 'other0', 'ipv4.address=10.66.0.1/24', 'ipv6.address=none', 'ipv4.nat=true');
      workspace = join(lab.dir, 'workspace');
      await mkdir(workspace);
      await chown(workspace, 1000, 1000);
      await writeFile(join(lab.dir, 'secret'), 'of the host');
    },
  });
  internet = await place.neighbour('internet');
  await internet.order({ do: 'serve', port });
  guest = await place.guest('walled', `workspace = "${workspace}"`, 'image = "system"', 'network.mode = "none"');
});
afterAll(() => place?.[Symbol.asyncDispose]());

const sh = async (script: string) => place.inside(guest, 'sh', '-c', script);

describe('root in a sandbox', () => {
  it('has no guest API', async () => {
    expect(await sh('ls /dev/incus/sock')).toMatchObject({ exitCode: 2 });
    expect((await place.controller.instance(guest.instance)).config['security.guestapi']).toBe('false');
  });

  it('is nobody on the host', async () => {
    const [, outside = '0', length = '0'] = (await sh('cat /proc/self/uid_map')).stdout.trim().split(/\s+/);
    expect(Number(outside)).toBeGreaterThanOrEqual(1_000_000);
    expect(Number(length)).toBeLessThan(4_294_967_295);
    const status = await readFile(`/proc/${await place.pid(guest.instance)}/status`, 'utf8');
    expect(status).toMatch(new RegExp(`^Uid:\\t${outside}\\t`, 'm'));
    expect((await place.controller.instance(guest.instance)).config['security.privileged']).toBe('false');
  });

  it('writes to the workspace under the ids it has inside', async () => {
    expect(await sh('su code -c "touch /workspace/mine" && echo done')).toMatchObject({ stdout: 'done' });
    expect(await stat(join(workspace, 'mine'))).toMatchObject({ uid: 1000, gid: 1000 });
    // A known gap of shifted mounts: what root inside writes belongs to root outside, with its mode.
    await sh('cp /bin/true /workspace/tool; chmod 4755 /workspace/tool');
    expect(await stat(join(workspace, 'tool'))).toMatchObject({ uid: 0 });
    expect(await sh('mknod /workspace/disk b 7 0')).toMatchObject({ exitCode: 1 });
  });

  it('sees no directory of the host but its workspace', async () => {
    const { stdout } = await sh('cat /proc/self/mountinfo');
    expect(stdout).toContain(' /workspace ');
    const { dir, incusDir } = place.lab;
    expect(await sh(`cat ${dir}/secret || ls ${incusDir}`)).toMatchObject({ exitCode: 2 });
    const fromHost = stdout.split('\n').filter((line) => line.includes(dir));
    const places = fromHost.map((line) => line.split(' ')[4] ?? '');
    expect(places.filter((path) => !/^\/(dev\/|proc\/|sys\/|workspace|workspace\/.*)?$/.test(path))).toEqual([]);
  });

  it.each([
    ['mount a disk of the host', 'mknod /tmp/disk b 7 0 && dd if=/tmp/disk of=/dev/null count=1'],
    ['read the memory of the host', 'dd if=/dev/mem of=/dev/null count=1'],
    ['change settings of the host', 'echo 0 >/proc/sys/kernel/panic || echo x >/proc/sysrq-trigger'],
    ['set rules of the host', 'echo 1 >/sys/class/net/coibr0/mtu'],
  ])('cannot %s', async (_, script) => {
    expect((await sh(script)).exitCode).not.toBe(0);
  });
});

/** Milliseconds from a change by hand until it is taken back. */
async function untilBack(change: readonly string[], isBack: () => Promise<boolean>): Promise<number> {
  await place.lab.incus(...change);
  const began = performance.now();
  await until(`${change.join(' ')} to be taken back`, isBack, { everyMs: 10, timeoutMs: 15_000 });
  return performance.now() - began;
}

const instance = () => place.controller.instance(guest.instance);
const device = async (name: string) => (await instance()).devices[name];
const key = async (name: string) => (await instance()).config[name];

describe('what somebody changes by hand', () => {
  const at = 'coi-walled';

  it.each([
    [
      'port isolation',
      ['config', 'device', 'set', at, 'eth0', 'security.port_isolation=false'],
      async () => (await device('eth0'))?.['security.port_isolation'] === 'true',
    ],
    [
      'the network',
      ['config', 'device', 'set', at, 'eth0', 'network=other0', 'ipv4.address='],
      async () => (await device('eth0'))?.['network'] === 'coibr0',
    ],
    [
      'the hardware address',
      ['config', 'device', 'set', at, 'eth0', 'hwaddr=10:66:6a:00:00:99'],
      async () => (await device('eth0'))?.['hwaddr'] === guest.mac,
    ],
    [
      'no interface',
      ['config', 'device', 'remove', at, 'eth0'],
      async () => (await device('eth0'))?.['host_name'] === guest.port,
    ],
    [
      'a second interface',
      ['config', 'device', 'add', at, 'eth1', 'nic', 'network=other0', 'name=eth1'],
      async () => !(await device('eth1')),
    ],
    [
      'a second interface on a link of the host',
      ['config', 'device', 'add', at, 'eth1', 'nic', 'nictype=macvlan', 'parent=lab-internet', 'name=eth1'],
      async () => !(await device('eth1')),
    ],
    [
      'a directory of the host',
      ['config', 'device', 'add', at, 'root2', 'disk', 'source=/etc', 'path=/host'],
      async () => !(await device('root2')),
    ],
    [
      'a proxy to the host',
      [
        'config',
        'device',
        'add',
        at,
        'out',
        'proxy',
        'listen=tcp:127.0.0.1:99',
        'connect=tcp:127.0.0.1:22',
        'bind=instance',
      ],
      async () => !(await device('out')),
    ],
    [
      'privileges',
      ['config', 'set', at, 'security.privileged=true'],
      async () => (await key('security.privileged')) === 'false',
    ],
    ['no nesting', ['config', 'unset', at, 'security.nesting'], async () => (await key('security.nesting')) === 'true'],
    [
      'system calls that mount',
      ['config', 'set', at, 'security.syscalls.intercept.mount=true'],
      async () => (await key('security.syscalls.intercept.mount')) === undefined,
    ],
    [
      'the guest API',
      ['config', 'set', at, 'security.guestapi=true'],
      async () => (await key('security.guestapi')) === 'false',
    ],
    [
      'raw settings',
      ['config', 'set', at, 'raw.lxc=lxc.apparmor.profile=unconfined'],
      async () => (await key('raw.lxc')) === undefined,
    ],
    [
      'a profile',
      ['profile', 'assign', at, 'default'],
      async () =>
        (JSON.parse(await place.lab.incus('query', `/1.0/instances/${at}`)) as { profiles: string[] }).profiles
          .length === 0,
    ],
  ] as const)('is put right: %s', async (what, change, isBack) => {
    const tookMs = await untilBack(change, isBack);
    console.log(`${what}: ${Math.round(tookMs)} ms`);
    // By an event, not by the look that follows a minute later.
    expect(tookMs).toBeLessThan(20_000);
    await place.controller.ready(guest.name, 'running');
    const links = await place.lab.inside.output(['bridge', '-d', 'link', 'show', 'dev', guest.port]);
    expect(links).toContain('isolated on');
    expect(links).toContain('master coibr0');
  });

  it('a second interface reaches nothing for longer than that', async () => {
    await place.controller.stop();
    await place.lab.incus('config', 'device', 'add', at, 'eth1', 'nic', 'network=other0', 'name=eth1');
    await sh('ip addr add 10.66.0.7/24 dev eth1; ip link set eth1 up; ip route replace default via 10.66.0.1');
    const agent = place.agent(`/proc/${await place.pid(at)}/ns/net`);
    const target = { do: 'connect', host: '203.0.113.10', port } as const;
    await until('a way around every rule', async () => (await agent.order(target)) === 'open');
    await place.controller.start();
    await until('the interface to be gone', async () => !(await device('eth1')), { timeoutMs: 5_000 });
    expect(await agent.order(target)).toBe('shut');
  });
});
