import { stringify } from 'smol-toml';
import type { Manifest, Sandbox } from './sandbox.ts';
import { apiVersion } from './schema/files.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

/**
 * A complete manifest file for the session source: every value written out, so that later changes of settings do not
 * change it. Read with `kind: 'session'` and empty settings it gives the same sandbox, and so the same hash.
 */
export function renderManifest({ name, instance, sandbox }: Pick<Manifest, 'name' | 'instance' | 'sandbox'>): string {
  const table = { instance, ...layerOf(sandbox) };
  return stringify({ apiVersion, sandbox: { [name]: table } });
}

function layerOf(sandbox: Sandbox): SandboxLayer {
  const { image, state, workspace, persistent, restart, tool, prompt, schedule, lifetime, policy } = sandbox;
  return {
    image,
    state,
    ...(workspace !== undefined && { workspace }),
    persistent,
    restart,
    ...(tool.command && { tool: { command: [...tool.command] } }),
    ...(prompt !== undefined && { prompt }),
    network: networkOf(sandbox),
    limits: limitsOf(sandbox),
    ...(schedule && { schedule: { ...schedule } }),
    ...(lifetime && { lifetime: { ttl: `${lifetime.ttlMs}ms` } }),
    policy: { ...policy },
    depends_on: [...sandbox.dependsOn],
    incus: {
      code_uid: sandbox.codeUser.uid,
      code_user: sandbox.codeUser.name,
      disable_shift: !sandbox.shift,
    },
  };
}

function networkOf({ network, networkLog }: Sandbox): NonNullable<SandboxLayer['network']> {
  const { mode, localNetwork, metadata, allowed, refreshMinutes } = network;
  return {
    mode,
    ...(localNetwork && { allow_local_network_access: true }),
    ...(metadata && { block_metadata_endpoint: false }),
    ...(allowed && { allowed_domains: Object.keys(allowed) }),
    ...(refreshMinutes !== undefined && { refresh_interval_minutes: refreshMinutes }),
    ...(networkLog && { logging: { ...networkLog } }),
  };
}

function limitsOf({ limits: { processes, cpu, memory, disk } }: Sandbox): NonNullable<SandboxLayer['limits']> {
  return {
    ...(cpu && { cpu: { ...cpu } }),
    ...(memory && { memory: { ...memory } }),
    ...(disk && { disk: { ...disk } }),
    ...(processes !== undefined && { runtime: { max_processes: processes } }),
  };
}
