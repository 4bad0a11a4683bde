import { exitCodes } from './failure.ts';
import { findInstance } from './find-instance.ts';
import { openOwnIncus } from './open-own-incus.ts';
import type { Call, Verb } from './verb.ts';

/** `coi container exists`: says it by its exit code alone. */
export const containerExists: Verb = async (call) => {
  return (await stateOf(call)) === undefined ? exitCodes.failed : exitCodes.done;
};

/** `coi container running`: the same. One that is frozen does not run. */
export const containerRunning: Verb = async (call) => {
  return (await stateOf(call)) === 'running' ? exitCodes.done : exitCodes.failed;
};

async function stateOf({ io, args: [name = ''] }: Call): Promise<string | undefined> {
  await using incus = await openOwnIncus(io);
  return (await findInstance(incus, name, io.signal))?.state;
}
