import { forContainers } from './end-containers.ts';
import { untilGone } from './until-gone.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi kill`: containers of sessions go at once, with everything inside. */
export const kill: Verb = (call) => {
  const noSave = (call.options as { readonly save?: boolean }).save === false;
  return forContainers(call, {
    verb: 'kill',
    async act(api, io, { name, found }) {
      const by = whoCalls(io).by;
      const [report] = await api.delete({ names: [found.name], by, ...(noSave && { noSave }) });
      if (!report?.done) return { name, done: false, message: report?.message ?? 'Nobody knows it any more' };
      return untilGone(api, io, { name, sandbox: found.name, doing: 'Killing', done: 'Killed' });
    },
  });
};
