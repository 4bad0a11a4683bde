import type { ControlApi } from '../controller/control-api.ts';
import type { LogLevel } from '../log/open-log.ts';
import type { Io } from './io.ts';
import { saveMemory } from './save-memory.ts';
import { readSettings, withHostLayer, type ControllerFlags } from './settings.ts';

/** Be the controller until `io.signal` aborts. @returns the exit code */
export async function runController(io: Io, flags: ControllerFlags, logLevel: LogLevel | undefined): Promise<number> {
  saveMemory();
  const settings = await withHostLayer(await readSettings(io, flags), io);
  const { runDaemon } = await import('../daemon.ts');
  return runDaemon({ settings, io, logLevel });
}

/** Answer in this process, as a controller would, under the controller's lock. */
export async function openHere(io: Io): Promise<ControlApi & AsyncDisposable> {
  const settings = await withHostLayer(await readSettings(io), io);
  const { openInProcess } = await import('../daemon.ts');
  return openInProcess({ settings, io });
}
