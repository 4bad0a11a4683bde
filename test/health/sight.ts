import { Problem } from '../../src/base/problem.ts';
import type { Machine } from '../../src/health/machine.ts';
import { Sight, type SightInit } from '../../src/health/sight.ts';
import type { Incus } from '../../src/host/incus/client.ts';
import { parseSettings } from '../../src/spec/settings.ts';

/** A machine as documentation describes one; files are texts by path. */
export function machineWith({
  files = {},
  ...part
}: Partial<Machine> & { readonly files?: Readonly<Record<string, string>> } = {}): Machine {
  return {
    kernel: '6.12.5-amd64',
    architecture: 'x86_64',
    hostname: 'host',
    timeZone: 'Europe/Warsaw',
    groups: [1000],
    read: async (path) => files[path],
    groupId: async () => undefined,
    addresses: async () => [],
    nftVersion: async () => 'nftables v1.1.3 (Commodore Bullmoose #4)\n',
    stoppedIncusd: async () => [],
    hasBpftrace: async () => true,
    lacksForTracing: async () => undefined,
    hasJournal: async () => true,
    isLima: async () => false,
    ...part,
  };
}

/** What an Incus answers in these tests: the part of the API that checks ask. */
export interface Answers {
  readonly server?: () => Promise<unknown>;
  readonly images?: unknown;
  readonly storage?: unknown;
  readonly instances?: unknown;
  readonly networks?: unknown;
}

const server = async () => ({ isTrusted: true, version: '6.0.4' });

/** A look at a host that is as described, by a user who is not root. */
export function sightOf({
  incus = {},
  settings = '',
  ...part
}: Partial<Omit<SightInit, 'incus'>> & { readonly incus?: Answers; readonly settings?: string } = {}): Sight {
  const parsed = parseSettings([{ file: '/etc/coi/config.toml', text: settings }]);
  return new Sight({
    incus: { socketPath: '/var/lib/incus/unix.socket', server, ...incus } as unknown as Incus,
    bridgeName: 'coibr0',
    controller: async () => undefined,
    orphans: async () => undefined,
    settle: async () => undefined,
    savedSessions: async () => 0,
    tryOut: () => Promise.reject(new Problem({ code: 'health.untried', message: 'not here' })),
    seen: { ...parsed, files: ['/etc/coi/config.toml'] },
    host: parsed.settings,
    machine: machineWith(),
    caller: { uid: 1000, gid: 1000, home: '/nonexistent' },
    now: Date.parse('2026-03-31T00:00:00Z'),
    isRoot: false,
    signal: new AbortController().signal,
    ...part,
  });
}
