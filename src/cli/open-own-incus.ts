import { openIncus, type Incus } from '../host/incus/client.ts';
import { incusSocket } from '../host/incus/socket.ts';
import type { Io } from './io.ts';
import { readSettings } from './settings.ts';

/** Incus as this user sees it, in the project of the settings. Dispose of it. */
export async function openOwnIncus(io: Io): Promise<Incus> {
  const { incus } = await readSettings(io);
  return openIncus({ socketPath: incusSocket(io.env), project: incus.project, clock: io.clock });
}
