import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../src/base/clock.ts';
import { openIncus } from '../../src/host/incus/client.ts';
import { ovnRoutes, routeCommand } from '../../src/network/ovn-route.ts';

let dir: string;
const stack: (() => unknown)[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'coi-ovn-'));
});
afterEach(async () => {
  for (const close of stack.splice(0)) await close();
  await rm(dir, { recursive: true });
});

/** A network as the API documentation shows one of OVN: subnets of its own, and a router on the uplink's. */
const ovn = (config: Record<string, string> = {}) => ({
  name: 'agents',
  type: 'ovn',
  managed: true,
  status: 'Created',
  description: '',
  config: {
    'bridge.mtu': '1442',
    'ipv4.address': '10.158.52.1/24',
    'ipv4.nat': 'true',
    'ipv6.address': 'fd42:40d1:2b52:2b8b::1/64',
    'ipv6.nat': 'true',
    network: 'uplink0',
    'volatile.network.ipv4.address': '10.17.30.200',
    'volatile.network.ipv6.address': 'fd42:f5b1:3c5a:77d0:216:3eff:feab:1b2c',
    ...config,
  },
  locations: ['none'],
  project: 'default',
  used_by: ['/1.0/instances/a'],
});
const uplink = (type = 'bridge') => ({
  name: 'uplink0',
  type,
  managed: true,
  status: 'Created',
  config: { 'ipv4.address': '10.17.30.1/24', 'ipv4.ovn.ranges': '10.17.30.200-10.17.30.254' },
  used_by: ['/1.0/networks/agents'],
});

/** The routes that follow from what a daemon answers to a listing of networks. */
async function routesFrom(...networks: readonly object[]) {
  const reply = {
    type: 'sync',
    status: 'Success',
    status_code: 200,
    operation: '',
    error_code: 0,
    error: '',
    metadata: networks,
  };
  const socketPath = join(dir, 'unix.socket');
  const server = createServer((_, response) => response.end(JSON.stringify(reply)));
  server.listen(socketPath);
  await once(server, 'listening');
  stack.push(() => new Promise((resolve) => server.close(resolve)));
  const incus = openIncus({ socketPath, clock });
  stack.unshift(() => incus[Symbol.asyncDispose]());
  return ovnRoutes(await incus.networks.list(), 'agents');
}

describe('routes to an OVN network', () => {
  it('lead through its router on the uplink bridge, for each family', async () => {
    const routes = await routesFrom(ovn(), uplink());
    expect(routes.map((route) => routeCommand(route).join(' '))).toEqual([
      'ip -4 route add 10.158.52.0/24 via 10.17.30.200 dev uplink0',
      'ip -6 route add fd42:40d1:2b52:2b8b::/64 via fd42:f5b1:3c5a:77d0:216:3eff:feab:1b2c dev uplink0',
    ]);
  });

  it.each([
    ['the uplink is no bridge of this host', [ovn(), uplink('physical')]],
    ['the uplink is unknown', [ovn()]],
    ['it is a bridge itself', [{ ...ovn(), type: 'bridge' }, uplink()]],
    [
      'it has no router yet',
      [ovn({ 'volatile.network.ipv4.address': '', 'volatile.network.ipv6.address': '' }), uplink()],
    ],
    ['it has no addresses', [ovn({ 'ipv4.address': 'none', 'ipv6.address': 'none' }), uplink()]],
    [
      'its router’s address is none',
      [ovn({ 'volatile.network.ipv4.address': '$(id)', 'ipv6.address': 'none' }), uplink()],
    ],
    ['there is no such network', [uplink()]],
  ])('are none when %s', async (_, networks) => {
    expect(await routesFrom(...networks)).toEqual([]);
  });
});
