import { forContainers } from './end-containers.ts';
import { letGo } from './until-gone.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';
import { worktreeLeft } from './worktree-left.ts';

/** How long what runs inside has to end by itself unless told, in milliseconds. */
const usualMs = 60_000;

/** `coi shutdown`: what runs inside is asked to end first, then the containers go. */
export const shutdown: Verb = (call) => {
  const { timeout: graceMs = usualMs } = call.options as { readonly timeout?: number };
  return forContainers(call, {
    verb: 'shutdown',
    async act(api, io, { name, found }) {
      const done = `Shut down${await worktreeLeft(found)}`;
      const graceS = Math.ceil(graceMs / 1_000);
      const begin = (names: readonly string[]) => api.shutDown({ names, by: whoCalls(io).by, graceS });
      return letGo(api, io, { name, sandbox: found.name, doing: 'Shutting down', done, graceMs, begin });
    },
  });
};
