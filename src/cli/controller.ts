import { resolve } from 'node:path';
import type { LogLevel } from '../log/open-log.ts';
import { runController } from './daemon.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi controller`. */
interface ControllerOptions {
  readonly source?: readonly string[];
  readonly workers?: number;
  readonly metrics?: string;
  readonly stateDir?: string;
  readonly runDir?: string;
  readonly logLevel?: LogLevel;
}

/** `coi controller` */
export const controller: Verb = async ({ io, options }) => {
  const { source, workers, metrics, stateDir, runDir, logLevel } = options as ControllerOptions;
  const full = (path: string | undefined) => (path === undefined ? undefined : resolve(io.cwd, path));
  const flags = {
    sources: source?.map((path) => resolve(io.cwd, path)),
    workers,
    metrics_listen: metrics,
    state_dir: full(stateDir),
    run_dir: full(runDir),
  };
  return runController(io, flags, logLevel);
};
