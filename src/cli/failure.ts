import { messageOf, Problem, renderProblem } from '../base/problem.ts';
import { Interrupted, type Io } from './io.ts';
import { printableLines } from './printable.ts';
import { UsageProblem } from './usage.ts';

/** Exit codes that scripts may rely on. `usage` is for commands that the original lacks: its own fail with 1. */
export const exitCodes = { done: 0, failed: 1, usage: 2 } as const;

/** Exit codes of `diff`, `plan` and `apply`, which tell more apart. */
export const planExitCodes = { nothing: 0, changes: 1, error: 2, stale: 3, guard: 4 } as const;

/** A saved plan does not fit the world any more. */
export class StalePlan extends Problem {}

/** Exit codes of one command. */
export interface FailureCodes {
  /** For a problem that has none of its own; 1 unless said. */
  readonly failure?: number | undefined;
  /** For a command line that makes no sense; 1 unless said. */
  readonly usage?: number;
}

/** Show on stderr why a command failed. @returns the exit code */
export function reportFailure(error: unknown, io: Io, codes: FailureCodes = {}): number {
  const failureCode = codes.failure ?? exitCodes.failed;
  const reason = io.signal.aborted ? io.signal.reason : error;
  if (reason instanceof Interrupted) return reason.exitCode;
  if (error instanceof Problem) {
    io.stderr.write(`coi: ${printableLines(renderProblem(error))}\n`);
    if (!(error instanceof UsageProblem)) return exitCodeOf(error, failureCode);
    return error.exitCode ?? codes.usage ?? exitCodes.failed;
  }
  io.stderr.write(`coi: this is a defect of coi, not of what you did: ${printableLines(messageOf(error))}\n`);
  if (io.env['COI_DEBUG'] === '1' && error instanceof Error) io.stderr.write(`${printableLines(error.stack ?? '')}\n`);
  else
    io.stderr.write('  To report it: run the same with COI_DEBUG=1, and send what that prints with "coi version".\n');
  return failureCode;
}

function exitCodeOf(problem: Problem, failureCode: number): number {
  if (problem instanceof StalePlan) return planExitCodes.stale;
  if (problem.code.startsWith('guard.')) return planExitCodes.guard;
  return failureCode;
}
