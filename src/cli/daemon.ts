import type { LogLevel } from '../log/open-log.ts';
import { splitAddress } from '../spec/settings.ts';
import type { ControlApi } from '../controller/control-api.ts';
import type { Io } from './io.ts';
import { readSettings } from './settings.ts';

/** What `coi controller` was told on its command line; it wins over files and environment. */
export interface ControllerOverrides {
  readonly sources?: readonly string[];
  readonly workers?: number;
  /** `HOST:PORT`, or nothing for none. */
  readonly metricsListen?: string;
  readonly stateDir?: string;
  readonly runDir?: string;
  readonly logLevel?: string;
}

/** Be the controller until `io.signal` aborts. @returns the exit code */
export async function runController(io: Io, overrides: ControllerOverrides): Promise<number> {
  const { runDaemon } = await import('../daemon.ts');
  const { logLevel, ...told } = overrides;
  const settings = await readSettings(io);
  const { metricsListen, ...rest } = told;
  const address = metricsListen === undefined ? {} : { metricsListen: splitAddress(metricsListen) };
  const controller = { ...settings.controller, ...rest, ...address };
  return runDaemon({ settings: { ...settings, controller }, io, logLevel: logLevel as LogLevel | undefined });
}

/** Answer in this process, as a controller would, under the controller's lock. */
export async function openHere(io: Io): Promise<ControlApi & AsyncDisposable> {
  const { openInProcess } = await import('../daemon.ts');
  return openInProcess({ settings: await readSettings(io), io });
}
