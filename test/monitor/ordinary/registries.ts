import { systemClock as clock } from '../../../src/base/clock.ts';
import { openIncus } from '../../../src/host/incus/client.ts';
import { buildEnvironment } from '../../../src/image/build-environment.ts';
import type { Lab } from '../../lab/lab.ts';

/**
 * Has package managers in a container ask whom those of this machine ask; the lab needs an uplink for that.
 *
 * @returns the variables that tell them
 */
export async function registryClients(lab: Lab, instance: string): Promise<Record<string, string>> {
  await using incus = openIncus({ socketPath: lab.socket, clock });
  const signal = AbortSignal.timeout(60_000);
  const call = { env: process.env, home: '/root', signal };
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const { NPM_REGISTRY, ...told } = await buildEnvironment({ incus, instance, clock, signal }, { call, say });
  return { ...told, ...(NPM_REGISTRY && { npm_config_registry: NPM_REGISTRY }) };
}
