import type { Policy, RunState } from './sandbox.ts';
import type { FirewallKind } from '../network/firewall-kind.ts';
import type { NetworkMode } from '../network/rules.ts';

/** The agents that coi knows by name. */
export const toolNames = ['claude', 'opencode', 'aider', 'codex', 'gemini'] as const;

/**
 * What holds where nobody says otherwise: the lowest layer. Kept free of imports that cost time, because the command
 * line reads it before it knows whether it needs to parse anything.
 */
export const builtIn = {
  image: 'coi',
  persistent: false,
  state: 'running' satisfies RunState,
  network: { mode: 'restricted' satisfies NetworkMode, refreshMinutes: 30 },
  policy: { deletion: 'delete', drift: 'enforce', allow: 'in-place' } satisfies Policy,
  tool: { name: 'claude', permissionMode: 'bypass', effort: 'medium' },
  timezone: 'UTC',
  memoryEnforce: 'soft',
  incus: { project: 'default', group: 'incus-admin', storagePool: 'coi', codeUid: 1000, codeUser: 'code' },
  health: { reach: 'api.anthropic.com:443', private: ['10.0.0.1:80', '192.168.0.1:80'] as readonly string[] },
  monitoring: {
    enabled: true,
    freezesOnHigh: true,
    killsOnCritical: true,
    pollMs: 2000,
    read: { thresholdMb: 10_000, mbPerSecond: 0 },
    write: { thresholdMb: 10_000, mbPerSecond: 0 },
    logDays: 30,
    network: { enabled: true, flowsPerSecond: 100, namesPerMinute: 600, logsNames: true, limaHost: '' },
  },
  notifications: { webhook: '', webhookHeaderFile: '', level: 'warning', desktop: true },
  images: { keep: 3, network: 'open' as 'open' | 'restricted' },
  controller: {
    sources: ['/etc/coi/desired'] as readonly string[],
    stateDir: '/var/lib/coi',
    runDir: '/run/coi',
    metricsListen: '127.0.0.1:9477',
    workers: 8,
    bridge: 'coibr0',
    firewall: 'nft' satisfies FirewallKind,
  },
} as const;

/** Of users inside. Above are numbers that stand for nobody, and those that no user database of one machine hands out. */
export const highestUid = 65_534;
