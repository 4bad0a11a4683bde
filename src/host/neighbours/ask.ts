import { Problem } from '../../base/problem.ts';
import { runInNetwork, type Finished, type NetworkScope } from '../link/in-network.ts';

/** What asking another program of the host takes. */
export interface Asking extends NetworkScope {
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end; undefined where it is not installed. */
export async function ask(command: readonly [string, ...string[]], asking: Asking): Promise<Finished | undefined> {
  try {
    return await runInNetwork({ ...asking, command });
  } catch (error) {
    if (error instanceof Problem && error.code === 'host.program-missing') return undefined;
    throw error;
  }
}

/** A program that answers root alone, asked by somebody else. */
export function onlyForRoot(program: string): Problem {
  return new Problem({
    code: 'health.not-root',
    message: `only root may ask ${program}`,
    hint: 'Run this with sudo.',
  });
}

/** Whether what a program printed on its way out means that this user may not ask it. */
export function isRefusal({ stderr, stdout }: Finished): boolean {
  return /not permitted|Permission denied|must be root|you must be root|Not[A-Z_ ]*authori[sz]ed|Authorization failed/i.test(
    `${stderr}\n${stdout}`,
  );
}
