import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { firewallCheck, judgeFirewalld } from '../../src/health/checks/firewall.ts';
import { runChecks } from '../../src/health/run-checks.ts';
import { sightOf } from './sight.ts';

async function find(part: Parameters<typeof sightOf>[0]) {
  return (await runChecks([firewallCheck], sightOf(part), 0)).checks['firewall']!;
}

const host = { controller: 'running', version: '0.1.0', incus: 'up', unmanaged: [], orphans: [], held: [] } as const;
const own = { 'ipv4.address': '10.1.0.1/24', 'ipv4.firewall': 'false', 'ipv6.firewall': 'false' };

describe('nft as the firewall', () => {
  it('is fine where it answers the controller, and for root to ask otherwise', async () => {
    const ready = async () => ({ ...host, network: 'ready', problems: [] }) as const;
    expect((await find({ controller: ready })).status).toBe('ok');
    expect((await find({})).status).toBe('unknown');
  });
});

describe('firewalld as the firewall', () => {
  it.each([
    { state: 'running', status: 'ok', fixes: 0 },
    { state: 'stopped', status: 'failed', fixes: 2 },
    { state: 'absent', status: 'failed', fixes: 3 },
  ] as const)('that is $state is $status', ({ state, status, fixes }) => {
    const finding = judgeFirewalld(state);
    expect({ status: finding.status, fixes: finding.fix?.length ?? 0 }).toEqual({ status, fixes });
  });
});

describe('network ACLs as the firewall', () => {
  const settings = '[controller]\nfirewall = "incus-acl"\n';
  const incus = (firewall: string, config: Readonly<Record<string, string>>) => ({
    server: async () => ({ isTrusted: true, version: '6.0.4', firewall }),
    networks: { get: async () => ({ value: { type: 'bridge', config, usedBy: [] } }) },
  });

  it.each([
    { what: 'that Incus can enforce', firewall: 'nftables', config: own, status: 'ok' },
    { what: 'with iptables', firewall: 'xtables', config: own, status: 'failed' },
    { what: 'on a shared bridge', firewall: 'nftables', config: { ...own, 'ipv4.nat': 'true' }, status: 'failed' },
  ])('$what are $status', async ({ firewall, config, status }) => {
    const finding = await find({ settings, incus: incus(firewall, config) });
    expect(finding.status).toBe(status);
    expect(finding.fix === undefined).toBe(status === 'ok');
  });

  it('are unknown without Incus', async () => {
    const server = () => Promise.reject(new Problem({ code: 'incus.no-socket', message: 'no socket' }));
    const networks = { get: server };
    expect((await find({ settings, incus: { server, networks } })).status).toBe('unknown');
  });
});
