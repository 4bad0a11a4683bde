import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { deleteLink, listLinks, orphanCandidates } from '../../host/link/links.ts';
import type { Firewall } from '../../host/firewall/firewall.ts';
import type { WorkspaceTrees } from '../../host/mount/workspace-trees.ts';
import { listBlockPolicies, removeBlockPolicies } from '../../host/xfrm/xfrm.ts';
import type { Bridge } from '../../network/policy.ts';
import { orphanKind, type OrphanKind } from './orphan-kind.ts';

/** Where coi itself may have left something. */
export interface OwnPlaces {
  readonly firewall: Firewall;
  readonly bridge: Bridge;
  readonly stateDir: string;
  readonly trees: Pick<WorkspaceTrees, 'uids' | 'forget'>;
  /** Whether no sandbox is declared, none is there, and no controller keeps the host ready for one. */
  readonly isDeserted: () => boolean;
}

/** Directories of the state directory that hold a file per sandbox, named after its uid. */
const perSandbox = ['names'];

/** What coi itself may have left behind: after a crash, or when somebody removed an instance behind its back. */
export function ownKinds(places: OwnPlaces): OrphanKind[] {
  return [links(), rules(places), stateFiles(places), trees(places), ...foundations(places)];
}

function links(): OrphanKind {
  return orphanKind({
    kind: 'link',
    list: (signal) => listLinks({ signal }),
    judge: (link, { ports }) =>
      orphanCandidates([link], ports).length > 0
        ? { what: link.name, why: 'an interface as only coi makes them, and no instance has it' }
        : undefined,
    remove: async (found, signal) => {
      for (const link of found) await deleteLink(link, { signal });
    },
  });
}

function rules({ firewall }: OwnPlaces): OrphanKind {
  return orphanKind({
    kind: 'rules',
    list: async () => {
      const { elements } = await firewall.observe({ fresh: true });
      const owners = [...elements.values()].flatMap((set) => [...set.values()].flatMap(({ uid }) => uid ?? []));
      return [...new Set(owners)];
    },
    judge: (uid, { uids }) =>
      uids.has(uid) ? undefined : { what: uid, why: 'network rules of a sandbox that does not exist' },
    remove: async (found) => {
      await firewall.remove(found);
    },
  });
}

function stateFiles({ stateDir }: OwnPlaces): OrphanKind {
  return orphanKind({
    kind: 'state-file',
    list: async () => (await Promise.all(perSandbox.map((name) => filesIn(join(stateDir, name))))).flat(),
    judge: (path, { uids }) => {
      const uid = /\/([0-9A-Z]{26})\.json$/.exec(path)?.[1];
      if (uid === undefined || uids.has(uid)) return undefined;
      return { what: path, why: 'what coi remembered of a sandbox that does not exist' };
    },
    remove: async (found) => {
      for (const path of found) await rm(path, { force: true });
    },
  });
}

function trees({ trees: all }: OwnPlaces): OrphanKind {
  return orphanKind({
    kind: 'workspace-tree',
    list: async () => all.uids(),
    judge: (uid, { uids }) =>
      uids.has(uid) ? undefined : { what: uid, why: 'mounts over the workspace of a sandbox that does not exist' },
    remove: async (found, signal) => {
      for (const uid of found) await all.forget(uid, signal);
    },
  });
}

/** What all sandboxes stand on. While it is not certain that there are none, it is not even looked at. */
function foundations({ firewall, bridge, isDeserted }: OwnPlaces): OrphanKind[] {
  const why = 'no sandbox exists or is declared, and no controller runs';
  const isLeft = (inUse: { readonly uids: ReadonlySet<string> }) => inUse.uids.size === 0 && isDeserted();
  return [
    orphanKind({
      kind: 'tables',
      list: async () => [...(await firewall.observe({ fresh: true })).tables.keys()],
      judge: (family, inUse) => (isLeft(inUse) ? { what: `table ${family} coi`, why } : undefined),
      remove: () => firewall.uninstall(),
    }),
    orphanKind({
      kind: 'block-policies',
      list: async (signal) => {
        const found = await listBlockPolicies({ signal });
        return found.length === 0 ? [] : [found.length];
      },
      judge: (count, inUse) => (isLeft(inUse) ? { what: `${count} XFRM policies`, why } : undefined),
      remove: (_, signal) => removeBlockPolicies({ bridge, signal }),
    }),
  ];
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).map((name) => join(directory, name));
  } catch (error) {
    // Nothing was ever kept there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
