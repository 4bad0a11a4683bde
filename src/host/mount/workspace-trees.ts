import { chmod, chown, mkdir, readdir, readFile, realpath, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { writeFileAtomically } from '../../base/atomic-file.ts';
import { pause, type Clock } from '../../base/clock.ts';
import { shownPath, treePath, type HostDirectories, type ProtectedWorkspace } from '../../plan/host-directories.ts';
import { bind, detach } from './bind.ts';
import { gitWishes } from './git-places.ts';
import { parseMountTable, type Mounted } from './mount-table.ts';
import { openOwn } from './handle.ts';
import { requireSameMounts } from './same-mounts.ts';
import { seal, unprotected, type Fault, type Layer, type Sealed } from './seal.ts';
import { show } from './show.ts';
import { unmake } from './unmake.ts';
import { treeOf, type Missing } from './wishes.ts';

/** A number that no container's user stands for: the highest that there is, see user_namespaces(7). */
const nobodyInside = 2 ** 32 - 2;

/** How often mounted trees are looked at, in milliseconds: what is put in the place of a protected path shows by then. */
const lookMs = 250;

/** What is to be mounted for an instance. */
export interface TreeSpec extends HostDirectories {
  /** Of the instance it is for. */
  readonly uid: string;
}

/** What is known about the mounts of one instance. */
export interface TreeState {
  /** Whether all of them are there. */
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
  /** The one that is covered. */
  readonly workspace?: string;
  /** Paths of directories that are shown as they are. */
  readonly shown: readonly string[];
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
 * What instances see of the host, mounted for each in a directory of its own that only root can reach: each directory is
 * opened once, without following a link, and Incus is given the place where it is mounted. So what root inside, or anybody
 * on the host, puts in its path afterwards is shown to nobody, though Incus opens its sources anew with every start.
 *
 * Where a workspace has protected paths it is a tree of mounts: the workspace, with every protected path covered by a
 * read-only view of itself. All is made before an instance starts and stay for as long as it runs: what an instance
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
   *   whole fails, `workspace.unprotected` when a path that can be covered is not; what cannot be is one of its faults
   */
  async prepare(spec: TreeSpec, signal: AbortSignal): Promise<TreeState | undefined> {
    const { uid, covered, shown } = spec;
    await this.remove(uid, signal);
    if (!covered && shown.length === 0) return undefined;
    await this.#requireSeen(signal);
    await this.makeEmpty(spec);
    // Known from here on, so that whatever goes wrong leaves nothing that nobody takes away.
    const tree: Tree = { ...(covered && { workspace: covered.workspace }), ...nothingSealed(), shown: [] };
    this.#trees.set(uid, tree);
    try {
      if (covered) await this.#cover(uid, covered, { sealed: tree, signal });
      await this.#keep(uid, tree);
      await this.show(spec, signal);
      await this.look();
      this.#requireCovered(uid);
    } catch (error) {
      // Also when it was given up: half a tree covers half.
      await this.remove(uid);
      throw error;
    }
    return this.state(uid);
  }

  /** What mount(8) passed over, or somebody replaced meanwhile, is seen before anything starts on it. */
  #requireCovered(uid: string): void {
    const [path] = this.#seen.get(uid)?.replaced ?? [];
    if (path !== undefined) throw unprotected(path, new Error('it is not covered'));
  }

  /** Show what is not yet shown as it is to an instance that is up; what covers its workspace only a start can change. */
  async show({ uid, shown }: TreeSpec, signal: AbortSignal): Promise<void> {
    if (shown.length > 0) await this.#requireSeen(signal);
    for (const host of shown) {
      const tree = this.#trees.get(uid) ?? { ...nothingSealed(), shown: [] };
      if (tree.shown.includes(host)) continue;
      const target = shownPath(this.#init.dir, uid, host);
      // What a crash left there nobody knows any more.
      await detach([target], signal);
      await show(host, target, signal);
      await this.#keep(uid, { ...tree, shown: [...tree.shown, host] });
    }
    await this.look();
  }

  /** Take away what an instance that is up is not to see any more. */
  async hide({ uid, shown }: TreeSpec, signal: AbortSignal): Promise<void> {
    const tree = this.#trees.get(uid);
    const surplus = tree?.shown.filter((host) => !shown.includes(host)) ?? [];
    if (!tree || surplus.length === 0) return;
    await this.#keep(uid, { ...tree, shown: tree.shown.filter((host) => shown.includes(host)) });
    const paths = surplus.map((host) => shownPath(this.#init.dir, uid, host));
    await detach(paths, signal);
    for (const path of paths) await rmdir(path).catch(noneIfAbsent);
  }

  async #keep(uid: string, tree: Tree): Promise<void> {
    this.#trees.set(uid, tree);
    await writeFileAtomically(join(this.#init.dir, `${uid}.json`), JSON.stringify(tree));
  }

  /**
   * The empty directories that all is mounted on: Incus refuses devices without one. What is started past the controller
   * finds nothing else there, and nobody inside can write to it.
   */
  async makeEmpty({ uid, covered, shown }: TreeSpec): Promise<void> {
    const { dir } = this.#init;
    const paths = shown.map((host) => shownPath(dir, uid, host));
    await this.#makePlaces(uid, covered ? [treePath(dir, uid), ...paths] : paths);
  }

  /**
   * Put the directories of an instance back where somebody took them away: Incus checks every device with every change, and
   * would refuse them all. @param sources of its devices; others than ours are left alone
   */
  async stand(uid: string, sources: readonly string[]): Promise<void> {
    const own = `${join(this.#init.dir, uid)}/`;
    const isOurs = (path: string) => path.startsWith(own) && /^(tree|shown-[0-9a-f]{24})$/.test(path.slice(own.length));
    await this.#makePlaces(uid, sources.filter(isOurs));
  }

  async #makePlaces(uid: string, paths: readonly string[]): Promise<void> {
    if (paths.length === 0) return;
    this.#known.add(uid);
    for (const path of [this.#init.dir, join(this.#init.dir, uid)]) {
      await mkdir(path, { recursive: true, mode: 0o700 });
      // Also one that was made when others were let through.
      await chmod(path, 0o700);
    }
    for (const path of paths) {
      if ((await mkdir(path, { recursive: true, mode: 0o700 })) === undefined) continue;
      await chmod(path, 0o555);
      await chown(path, nobodyInside, nobodyInside);
    }
  }

  /** Once is enough: nobody changes that while both run. */
  async #requireSeen(signal: AbortSignal): Promise<void> {
    const { incusd } = this.#init;
    if (this.#isSeen || !incusd) return;
    await requireSameMounts(await incusd(signal));
    this.#isSeen = true;
  }

  /** Made aside: whoever starts the instance meanwhile, Incus after a reboot from inside, finds all of it or nothing. */
  async #cover(
    uid: string,
    { workspace, protectedPaths }: ProtectedWorkspace,
    { sealed, signal }: { readonly sealed: Sealed; readonly signal: AbortSignal },
  ): Promise<void> {
    const own = join(this.#init.dir, uid);
    const [aside, source] = [join(own, 'aside'), join(own, 'source')];
    for (const path of [aside, source]) await mkdir(path, { recursive: true, mode: 0o700 });
    await show(workspace, aside, signal);
    await bind({ source: aside, target: source, readonly: true, isPrivate: true, signal });
    await using top = await openOwn(aside);
    await using plain = await openOwn(source);
    try {
      const git = await gitWishes({ workspace: plain, path: workspace, protectedPaths }, signal);
      const named = protectedPaths.map((path) => ({ path, missing: missingOf(path) }));
      sealed.faults.push(...git.faults);
      const level = { tree: top, source: plain, path: '' };
      const table = tablePath(this.#init.dir, uid);
      await seal(treeOf([...git.wishes, ...named]), level, { sealed, table, signal });
      await bind({ source: aside, target: treePath(this.#init.dir, uid), isWhole: true, isPrivate: true, signal });
    } finally {
      await detach([source, aside], signal);
    }
  }

  /** Take away all that is left of an instance that is gone. Absence is success. */
  async forget(uid: string, signal: AbortSignal): Promise<void> {
    if (!this.#known.has(uid)) return;
    await this.remove(uid, signal);
    const own = join(this.#init.dir, uid);
    // Never recursive: where a mount is left, what is below is not ours.
    for (const path of [...(await this.#places(uid)), own]) await rmdir(path).catch(noneIfAbsent);
    this.#known.delete(uid);
  }

  /** All directories of an instance, whoever made them. */
  async #places(uid: string): Promise<string[]> {
    const own = join(this.#init.dir, uid);
    return (await readdir(own).catch(noneIfAbsent)).map((name) => join(own, name));
  }

  async #detachPlaces(uid: string, signal: AbortSignal | undefined): Promise<void> {
    const places = await this.#places(uid);
    if (places.length === 0) return;
    const own = join(await realpath(this.#init.dir), uid);
    const mounted = await mountTable();
    const isMounted = (path: string) => mounted.has(join(own, basename(path)));
    await detach(places.filter(isMounted), signal);
  }

  /** Take the mounts of an instance away, and what was made for it where nobody made use of it. Absence is success. */
  async remove(uid: string, signal?: AbortSignal): Promise<void> {
    // What a crash left has mounts and nothing that tells of them.
    if (!this.#known.has(uid)) return;
    await this.#detachPlaces(uid, signal);
    const tree = this.#trees.get(uid);
    if (tree?.workspace !== undefined) await unmake(tree.workspace, tree.made);
    await rm(join(this.#init.dir, `${uid}.json`), { force: true });
    await rm(tablePath(this.#init.dir, uid), { force: true });
    this.#trees.delete(uid);
  }

  /** Compare every tree with what was mounted. @returns the instances about which that changed */
  async look(): Promise<string[]> {
    if (this.#trees.size === 0) return [];
    const dir = await realpath(this.#init.dir);
    const table = await mountTable();
    const before = this.#seen;
    const now = new Map([...this.#trees].map(([uid, tree]) => [uid, see(tree, { dir, uid, table })]));
    this.#seen = now;
    return [...now].filter(([uid, seen]) => !isDeepStrictEqual(seen, before.get(uid) ?? unseen)).map(([uid]) => uid);
  }

  /** Look again and again until the signal aborts. */
  async watch(onChange: (uid: string) => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(this.#init.clock, lookMs, signal);
      if (signal.aborted) return;
      for (const uid of await this.look()) onChange(uid);
    }
  }
}

async function mountTable(): Promise<ReadonlyMap<string, Mounted>> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'));
}

/** Where the mounts of a tree are listed while they are made. */
function tablePath(dir: string, uid: string): string {
  return join(dir, `${uid}.mounts`);
}

interface Sight {
  /** Real path of the directory of all instances. */
  readonly dir: string;
  readonly uid: string;
  readonly table: ReadonlyMap<string, Mounted>;
}

function see({ workspace, layers, shown }: Tree, { dir, uid, table }: Sight): Seen {
  const top = treePath(dir, uid);
  const isCovered = workspace === undefined || table.has(top);
  const isMounted = isCovered && shown.every((host) => table.has(shownPath(dir, uid, host)));
  const isThere = ({ path, readonly }: Layer) => {
    const mounted = table.get(`${top}/${path}`);
    return mounted !== undefined && (mounted.readonly || !readonly);
  };
  const replaced = isCovered ? layers.filter((layer) => !isThere(layer)).map(({ path }) => path) : [];
  return { isMounted, replaced };
}

/** New each time: sealing adds to it. */
function nothingSealed(): Sealed {
  return { layers: [], faults: [], made: [] };
}

/** What cannot be read any more tells nothing: the tree is made anew with the next start. */
function parseTree(text: string): Tree | undefined {
  try {
    // Those of before showed nothing as it is.
    return { shown: [], ...(JSON.parse(text) as Partial<Tree> & Sealed) };
  } catch {
    return undefined;
  }
}

function missingOf(path: string): Missing {
  return path === '.git/config' ? { text: '' } : 'directory';
}

function noneIfAbsent(error: unknown): [] {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTEMPTY' || code === 'EBUSY') return [];
  throw error;
}
