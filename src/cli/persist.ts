import { resolve } from 'node:path';
import { parseSessionInstance, workspaceHash } from '../spec/session-names.ts';
import { forContainers, sessionsIn } from './end-containers.ts';
import type { Verb } from './verb.ts';
import { whoCalls } from './who.ts';

/** `coi persist`: containers of sessions stay when they stop. Without names: those of the workspace. */
export const persist: Verb = (call) => {
  const { workspace = '.' } = call.options as { readonly workspace?: string };
  const hash = workspaceHash(resolve(call.io.cwd, workspace));
  return forContainers(call, {
    verb: 'persist',
    usual: (status) => sessionsIn(status, call.io).filter((name) => parseSessionInstance(name)?.hash === hash),
    async act(api, io, { name, found }) {
      const [report] = await api.persist({ names: [found.name], by: whoCalls(io).by });
      return report ?? { name, done: false, message: 'Nobody knows it any more' };
    },
  });
};
