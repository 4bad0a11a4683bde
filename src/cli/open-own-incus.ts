import { openIncus, type Incus } from '../host/incus/client.ts';
import { incusSocket } from '../host/incus/socket.ts';
import type { Io } from './io.ts';
import { readSettings } from './settings.ts';

/** Incus as this user sees it, in the project of the settings. Dispose of it. */
export async function openOwnIncus(io: Io): Promise<Incus> {
  const { incus } = await readSettings(io);
  return openIncusIn(io, incus.project);
}

/** The same, for whoever has read the settings already. */
export function openIncusIn({ env, clock }: Pick<Io, 'env' | 'clock'>, project: string): Incus {
  return openIncus({ socketPath: incusSocket(env), project, clock });
}
