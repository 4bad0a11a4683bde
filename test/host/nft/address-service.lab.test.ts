import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bridgeSettings, convergeSettings } from '../../../src/host/link/settings.ts';
import type { NftFirewall } from '../../../src/host/nft/firewall.ts';
import { convergeBlockPolicies } from '../../../src/host/xfrm/xfrm.ts';
import { openOn, rulesFor, uids } from './guarded.ts';
import { bridge, inside, World } from './world.ts';
import type { TestSandbox } from './world.ts';

let world: World;
let firewall: NftFirewall;
let sandbox: TestSandbox;
let server: ChildProcess;
let state: string;

/** The address server that Incus runs for a bridge, set up as it does. */
beforeAll(async () => {
  world = await World.make();
  sandbox = await world.sandbox(uids[0]);
  firewall = await openOn(world);
  await convergeSettings(bridgeSettings(bridge), { namespace: world.host });
  await convergeBlockPolicies({ bridge, namespace: world.host });
  await firewall.converge(rulesFor('none', sandbox));
  state = await mkdtemp(join(tmpdir(), 'coit-'));
  const { mac, ipv4 } = sandbox.endpoint;
  const options = [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--user=root',
    '--interface=coibr0',
    '--except-interface=lo',
    '--bind-interfaces',
    '--no-resolv',
    '--no-hosts',
    '--port=0',
    `--dhcp-leasefile=${state}/leases`,
    `--pid-file=${state}/pid`,
    '--dhcp-range=10.90.0.0,static,255.255.0.0,1h',
    `--dhcp-host=${mac},${ipv4}`,
    '--dhcp-range=fd42:90::,ra-only,64',
    '--enable-ra',
  ];
  server = spawn('nsenter', [`--net=/run/netns/${world.host}`, 'dnsmasq', ...options], { stdio: 'ignore' });
});

afterAll(async () => {
  server.kill('SIGKILL');
  await firewall[Symbol.asyncDispose]();
  await world[Symbol.asyncDispose]();
  await rm(state, { recursive: true });
});

describe('even a sandbox that may reach nothing', () => {
  it('gets its IPv4 address', async () => {
    await inside(sandbox.namespace, 'ip', 'addr', 'flush', 'dev', 'eth0');
    const dhcp = ['busybox', 'udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', '8', '-T', '1', '-s', '/bin/true'];
    const { endpoint } = sandbox;
    // Without anybody to ask, udhcpc ends with a failure.
    await inside(sandbox.namespace, ...dhcp);
    expect(await inside(world.host, 'cat', `${state}/leases`)).toContain(`${endpoint.mac} ${endpoint.ipv4} `);
  });

  it('forms its IPv6 address from the router’s advertisement', async () => {
    const settings = ['net.ipv6.conf.eth0.accept_ra=2', 'net.ipv6.conf.eth0.autoconf=1'];
    await inside(sandbox.namespace, 'sysctl', '-qw', ...settings);
    await inside(sandbox.namespace, 'ip', 'link', 'set', 'eth0', 'down');
    await inside(sandbox.namespace, 'ip', 'link', 'set', 'eth0', 'up');
    let found = '';
    for (let tries = 0; tries < 100 && !found.includes(sandbox.endpoint.ipv6!); tries++) {
      await delay(100);
      found = await inside(sandbox.namespace, 'ip', '-6', 'addr', 'show', 'dev', 'eth0', 'scope', 'global');
    }
    expect(found).toContain(`${sandbox.endpoint.ipv6}/64`);
    expect(found).toContain('dynamic');
  });
});
