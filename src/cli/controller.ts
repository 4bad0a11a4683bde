import { resolve } from 'node:path';
import { runController, type ControllerOverrides } from './daemon.ts';
import type { Verb } from './verb.ts';

/** Flags of `coi controller`. */
interface ControllerOptions {
  readonly source?: readonly string[];
  readonly workers?: number;
  readonly metrics?: string;
  readonly stateDir?: string;
  readonly runDir?: string;
  readonly logLevel?: string;
}

/** `coi controller` */
export const controller: Verb = async ({ io, options }) => {
  const { source, workers, metrics, stateDir, runDir, logLevel } = options as ControllerOptions;
  const overrides: ControllerOverrides = {
    ...(source && { sources: source.map((path) => resolve(io.cwd, path)) }),
    ...(workers !== undefined && { workers }),
    ...(metrics !== undefined && { metricsListen: metrics }),
    ...(stateDir !== undefined && { stateDir: resolve(io.cwd, stateDir) }),
    ...(runDir !== undefined && { runDir: resolve(io.cwd, runDir) }),
    ...(logLevel !== undefined && { logLevel }),
  };
  return runController(io, overrides);
};
