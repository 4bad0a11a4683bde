import { forContainers } from './end-containers.ts';
import { letGo } from './until-gone.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';
import { worktreeLeft } from './worktree-left.ts';

/** `coi kill`: containers of sessions go at once, with everything inside. */
export const kill: Verb = (call) => {
  const noSave = (call.options as { readonly save?: boolean }).save === false;
  return forContainers(call, {
    verb: 'kill',
    async act(api, io, { name, found }) {
      const done = `Killed${await worktreeLeft(found)}`;
      const begin = (names: readonly string[]) => api.delete({ names, by: whoCalls(io).by, ...(noSave && { noSave }) });
      return letGo(api, io, { name, sandbox: found.name, doing: 'Killing', done, begin });
    },
  });
};
