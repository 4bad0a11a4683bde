import { chmod, chown, mkdir, readdir, readFile, realpath, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeFileAtomically } from '../../base/atomic-file.ts';
import type { Clock } from '../../base/clock.ts';
import { Problem } from '../../base/problem.ts';
import { treePath } from '../../plan/render-instance.ts';
import { bind, detach } from './bind.ts';
import { gitWishes } from './git-places.ts';
import { parseMountTable, type Mounted } from './mount-table.ts';
import { openOwn, openPath } from './handle.ts';
import { requireSameMounts } from './same-mounts.ts';
import { seal, type Fault, type Layer, type Sealed } from './seal.ts';
import { unmake } from './unmake.ts';
import { treeOf, type Missing } from './wishes.ts';

/** A number that no container's user stands for: the highest that there is, see user_namespaces(7). */
const nobodyInside = 2 ** 32 - 2;

/** How often mounted trees are looked at, in milliseconds: what is put in the place of a protected path shows by then. */
const lookMs = 250;

/** What a tree is to show. */
export interface TreeSpec {
  /** Of the instance it is for. */
  readonly uid: string;
  /** Absolute path of the directory on the host. */
  readonly workspace: string;
  readonly protectedPaths: readonly string[];
}

/** What is known about the tree of one instance. */
export interface TreeState {
  readonly isMounted: boolean;
  /** Paths that are not protected, or not in full, with the reason. */
  readonly faults: readonly Fault[];
  /** Protected paths, and directories on the way to them, in whose place something else is now. */
  readonly replaced: readonly string[];
}

type Seen = Pick<TreeState, 'isMounted' | 'replaced'>;

/** Of a tree that is just being made. */
const unseen: Seen = { isMounted: true, replaced: [] };

interface Tree extends Sealed {
  readonly workspace: string;
}

/** What the trees need. */
export interface WorkspaceTreesInit {
  /** A directory that only root can write. */
  readonly dir: string;
  readonly clock: Clock;
  /** Process id of incusd, which is to find the trees. */
  readonly incusd?: (signal: AbortSignal) => Promise<number>;
}

/**
 * Trees of mounts, one for each instance with protected paths: the workspace, with every protected path covered by a
 * read-only view of itself. They are made before an instance starts and stay for as long as it runs: what an instance
 * inherits from its host when it starts, root inside can neither take off nor make writable, see mount_namespaces(7),
 * "Restrictions on mount namespaces". A tree on the host also keeps programs of the host from putting something in the
 * place of a protected path, which would uncover it inside.
 */
export class WorkspaceTrees {
  readonly #init: WorkspaceTreesInit;
  readonly #trees = new Map<string, Tree>();
  readonly #known = new Set<string>();
  #isSeen = false;
  #seen: ReadonlyMap<string, Seen> = new Map();

  constructor(init: WorkspaceTreesInit) {
    this.#init = init;
  }

  /** Take up the trees that an earlier controller made. */
  async load(): Promise<void> {
    for (const name of await readdir(this.#init.dir).catch(noneIfAbsent)) {
      const [, uid, isFile] = /^([0-9A-Z]{26})(\.json)?$/.exec(name) ?? [];
      if (uid === undefined) continue;
      this.#known.add(uid);
      const tree = isFile ? parseTree(await readFile(join(this.#init.dir, name), 'utf8')) : undefined;
      if (tree) this.#trees.set(uid, tree);
    }
    await this.look();
  }

  /** Instances that have a tree, or an empty directory for one. */
  uids(): readonly string[] {
    return [...this.#known];
  }

  /** What is known of a tree; undefined when there is none. */
  state(uid: string): TreeState | undefined {
    const tree = this.#trees.get(uid);
    return tree && { faults: tree.faults, ...(this.#seen.get(uid) ?? unseen) };
  }

  /** Mounts that cover paths in the workspace of an instance. */
  layers(uid: string): readonly Layer[] {
    return this.#trees.get(uid)?.layers ?? [];
  }

  /**
   * Make a tree anew from what the workspace holds now, in place of one that is there.
   *
   * @throws {Problem} `workspace.unsafe` when the workspace is reached through a link, `mount.failed` when a mount of the
   *   whole fails; what fails about one protected path is one of its faults
   */
  async prepare(spec: TreeSpec, signal: AbortSignal): Promise<TreeState> {
    const { uid, workspace } = spec;
    await this.#requireSeen(signal);
    await this.remove(uid, signal);
    await this.makeEmpty(uid);
    const own = join(this.#init.dir, uid);
    const [tree, source] = [treePath(this.#init.dir, uid), join(own, 'source')];
    await mkdir(source, { recursive: true, mode: 0o700 });
    // Known from here on, so that whatever goes wrong leaves nothing that nobody takes away.
    this.#trees.set(uid, { workspace, layers: [], faults: [], made: [] });
    try {
      const sealed = await this.#cover(spec, { tree, source }, signal);
      this.#trees.set(uid, { workspace, ...sealed });
      await writeFileAtomically(`${own}.json`, JSON.stringify({ workspace, ...sealed }));
    } catch (error) {
      // Also when it was given up: half a tree covers half.
      await this.remove(uid);
      throw error;
    }
    await this.look();
    return this.state(uid)!;
  }

  /**
   * The empty directory that a tree is mounted on: Incus refuses devices without one. What is started past the controller
   * finds nothing else there, and nobody inside can write to it.
   */
  async makeEmpty(uid: string): Promise<void> {
    await mkdir(this.#init.dir, { recursive: true, mode: 0o711 });
    await chmod(this.#init.dir, 0o711);
    this.#known.add(uid);
    const tree = treePath(this.#init.dir, uid);
    if ((await mkdir(tree, { recursive: true, mode: 0o711 })) === undefined) return;
    await chmod(tree, 0o555);
    await chown(tree, nobodyInside, nobodyInside);
  }

  /**
   * Put the directory of a tree back where somebody took it away: Incus checks every device with every change, and would
   * refuse them all. @param source of the workspace's device; another one than the tree's is left alone
   */
  async stand(uid: string, source: string | undefined): Promise<void> {
    if (source === treePath(this.#init.dir, uid)) await this.makeEmpty(uid);
  }

  /** Once is enough: nobody changes that while both run. */
  async #requireSeen(signal: AbortSignal): Promise<void> {
    const { incusd } = this.#init;
    if (this.#isSeen || !incusd) return;
    await requireSameMounts(await incusd(signal));
    this.#isSeen = true;
  }

  async #cover(spec: TreeSpec, { tree, source }: { tree: string; source: string }, signal: AbortSignal) {
    const { workspace, protectedPaths } = spec;
    await using place = await openPath(workspace);
    if (place.kind !== 'directory') throw notADirectory(workspace);
    await bind({ source: place, target: tree, isPrivate: true, signal });
    await bind({ source: tree, target: source, readonly: true, isPrivate: true, signal });
    await using top = await openOwn(tree);
    await using plain = await openOwn(source);
    if (top.identity !== place.identity) throw notADirectory(workspace);
    const usual = protectedPaths.map((path) => ({ path, missing: missingOf(path) }));
    const wishes = treeOf([...usual, ...(await gitWishes(plain, protectedPaths))]);
    try {
      return await seal(wishes, { tree: top, source: plain, path: '' }, signal);
    } finally {
      await detach([source], signal);
    }
  }

  /** Take away all that is left of an instance that is gone. Absence is success. */
  async forget(uid: string, signal: AbortSignal): Promise<void> {
    if (!this.#known.has(uid)) return;
    await this.remove(uid, signal);
    const own = join(this.#init.dir, uid);
    // Never recursive: where a mount is left, what is below is not ours.
    for (const path of [join(own, 'source'), treePath(this.#init.dir, uid), own]) await rmdir(path).catch(noneIfAbsent);
    this.#known.delete(uid);
  }

  /** Take the tree of an instance away, and what was made for it where nobody made use of it. Absence is success. */
  async remove(uid: string, signal?: AbortSignal): Promise<void> {
    // What a crash left has mounts and nothing that tells of them.
    if (!this.#known.has(uid)) return;
    const own = join(this.#init.dir, uid);
    await detach([join(own, 'source'), treePath(this.#init.dir, uid)], signal);
    const tree = this.#trees.get(uid);
    if (tree) await unmake(tree.workspace, tree.made);
    await rm(`${own}.json`, { force: true });
    this.#trees.delete(uid);
  }

  /** Compare every tree with what was mounted. @returns the instances about which that changed */
  async look(): Promise<string[]> {
    if (this.#trees.size === 0) return [];
    const dir = await realpath(this.#init.dir);
    const table = parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
    const before = this.#seen;
    const now = new Map([...this.#trees].map(([uid, tree]) => [uid, see(tree, { top: treePath(dir, uid), table })]));
    this.#seen = now;
    return [...now].filter(([uid, seen]) => !isDeepStrictEqual(seen, before.get(uid) ?? unseen)).map(([uid]) => uid);
  }

  /** Look again and again until the signal aborts. */
  async watch(onChange: (uid: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // Rejects only because the lifetime ends, which the loop sees.
      await this.#init.clock.sleep(lookMs, signal).catch(() => undefined);
      if (signal.aborted) return;
      for (const uid of await this.look()) onChange(uid);
    }
  }
}

function see({ layers }: Tree, { top, table }: { top: string; table: ReadonlyMap<string, Mounted> }): Seen {
  if (!table.has(top)) return { isMounted: false, replaced: [] };
  const isThere = ({ path, readonly }: Layer) => {
    const mounted = table.get(`${top}/${path}`);
    return mounted !== undefined && (mounted.readonly || !readonly);
  };
  return { isMounted: true, replaced: layers.filter((layer) => !isThere(layer)).map(({ path }) => path) };
}

/** What cannot be read any more tells nothing: the tree is made anew with the next start. */
function parseTree(text: string): Tree | undefined {
  try {
    return JSON.parse(text) as Tree;
  } catch {
    return undefined;
  }
}

function missingOf(path: string): Missing {
  return path === '.git/config' ? { text: '' } : 'directory';
}

function notADirectory(path: string): Problem {
  return new Problem({
    code: 'workspace.unsafe',
    message: `Workspace "${path}" is not the directory that it was a moment ago`,
    retry: 'backoff',
  });
}

function noneIfAbsent(error: unknown): [] {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTEMPTY' || code === 'EBUSY') return [];
  throw error;
}
