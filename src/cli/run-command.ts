import { connect } from './connect.ts';
import { forThisProcess, inSession } from './in-session.ts';
import type { RunOptions } from './run-inside.ts';
import { askForSession } from './session-request.ts';
import type { Verb } from './verb.ts';

/**
 * `coi run`: a sandbox that lasts as long as one command. It is a sandbox like any other; what ends it when this process
 * cannot is the lease in its manifest.
 */
export const runCommand: Verb = async (call) => {
  const { io } = call;
  const options = call.options as RunOptions;
  const asked = await askForSession(io, options, { adjust: forThisProcess });
  // A signal goes to the command inside; what is asked of the controller afterwards must still get through.
  const requests = new AbortController();
  await using api = await connect({ ...io, signal: requests.signal }, 'write');
  // Read while the container starts: what talks to Incus takes as long as all the rest of this program.
  const inside = import('./run-inside.ts');
  return await inSession({ api, io, asked }, async (opened) => (await inside).runInside(call, asked, opened));
};
