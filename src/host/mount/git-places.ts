import { open } from 'node:fs/promises';
import { posix } from 'node:path';
import { protectedPathFault } from '../../spec/protected-paths.ts';
import { isAtOrBelow } from '../../spec/workspace-path.ts';
import { valuesIn } from './git-config.ts';
import { entriesOf, openBelow, pathOf, type Handle } from './handle.ts';
import type { Fault } from './seal.ts';
import type { Wish } from './wishes.ts';

/**
 * How far is looked, in a repository that may be made to be looked at for ever: entries of `.git/modules` and below, how deep,
 * places in it, and files that one configuration names.
 */
const most = { entries: 10_000, depth: 16, places: 1_000, named: 100 };

/** Bytes of a configuration. Git's own limit is far above what people write by hand; more is not read. */
const longestConfig = 65_536;

/** Where git keeps the repositories of submodules. */
const modules = '.git/modules';

/** What is to be protected for git's sake, and what is not. */
export interface GitWishes {
  readonly wishes: readonly Wish[];
  readonly faults: readonly Fault[];
}

/** A workspace in which the places are looked for. */
export interface GitSearchInit {
  /** A view of it in which nothing is mounted. */
  readonly workspace: Handle;
  /** Its path, by which a configuration may name what is in it. */
  readonly path: string;
  readonly protectedPaths: readonly string[];
}

/**
 * The places from which git on the host takes programs to run, where their protection is wished for: in the repository of
 * the workspace and in those of its submodules. With `.git/config` go the files that name another configuration or another
 * directory to take it from, with `.git/hooks` the directory that `core.hooksPath` names. Where there is more than can be
 * looked at, or anything of which it cannot be told what git makes of it, all submodules are read-only as a whole, and that is
 * a fault. See gitrepository-layout(5).
 */
export async function gitWishes(init: GitSearchInit, signal: AbortSignal): Promise<GitWishes> {
  const { workspace, path, protectedPaths } = init;
  const wanted = { config: protectedPaths.includes('.git/config'), hooks: protectedPaths.includes('.git/hooks') };
  if (!wanted.config && !wanted.hooks) return { wishes: [], faults: [] };
  await using git = await openBelow(workspace, '.git');
  if (git?.kind !== 'directory') return { wishes: [], faults: [] };
  const top = await placesOf(git, { path: '.git', workspace: path, wanted });
  const faults: Fault[] = top.strange === undefined ? [] : [{ path: '.git/config', why: top.strange }];
  const search: Search = { wanted, workspace: path, wishes: [...top.wishes], left: most.entries, signal };
  const strange = await collectModules(git, { path: modules, name: 'modules', depth: 0 }, search);
  if (strange === undefined) return { wishes: search.wishes, faults };
  const why = `${strange}; all of it is read-only inside, but .git files in the directories of submodules may be writable`;
  const whole: Wish = { path: modules, missing: 'directory' };
  return { wishes: [...search.wishes, whole], faults: [...faults, { path: modules, why }] };
}

interface Wanted {
  readonly config: boolean;
  readonly hooks: boolean;
}

interface Repository {
  /** From the workspace. */
  readonly path: string;
  readonly workspace: string;
  readonly wanted: Wanted;
}

/** Places of one repository. */
interface Places {
  readonly wishes: readonly Wish[];
  /** Why there may be others. */
  readonly strange: string | undefined;
}

async function placesOf(git: Handle, repository: Repository): Promise<Places> {
  const { path, wanted } = repository;
  const wishes: Wish[] = [];
  if (wanted.hooks) wishes.push({ path: `${path}/hooks`, missing: 'directory' });
  if (wanted.config) {
    wishes.push(
      { path: `${path}/config`, missing: { text: '' } },
      { path: `${path}/config.worktree`, missing: { text: '' } },
      // Git takes configuration and hooks from the directory that this file names: itself, as without the file.
      { path: `${path}/commondir`, missing: { text: '.\n' } },
      { path: `${path}/worktrees`, missing: 'directory' },
    );
  }
  const texts = [await readSmall(git, 'config'), await readSmall(git, 'config.worktree')];
  if (texts.includes(undefined)) return { wishes, strange: 'a configuration is too long to be looked through' };
  const named = namedIn(texts.join('\n'), repository);
  if (!named) return { wishes, strange: 'a configuration names a path with signs that no path should have' };
  if (named.length <= most.named) return { wishes: [...wishes, ...named], strange: undefined };
  return { wishes, strange: `a configuration names more than ${most.named} paths` };
}

/** Files and directories of the workspace that a configuration makes git read or run; undefined when that cannot be told. */
function namedIn(text: string, { path: git, workspace, wanted }: Repository): Wish[] | undefined {
  const wishes: Wish[] = [];
  let isPlain = true;
  // Hooks are named from the top of the work tree, included files from the file that names them: see git-config(1).
  const add = (from: string, named: string, missing: Wish['missing']) => {
    const value = fromHome(named, workspace) ?? named;
    const isOwn = value.startsWith('/') && isAtOrBelow(value, workspace);
    const joined = isOwn ? value.slice(workspace.length + 1) : posix.join(from, value);
    const path = posix.normalize(joined).replace(/\/+$/, '');
    const isInside = (isOwn || !/^[/~]/.test(value)) && path !== '.' && path !== '..' && !path.startsWith('../');
    if (!isInside || path === git) return;
    isPlain &&= isPlainPath(path);
    wishes.push({ path, missing });
  };
  const isTop = git === '.git';
  const values = (key: string) => valuesIn(text, { key, most: most.named + 1 });
  if (wanted.hooks && isTop) for (const value of values('hookspath')) add('', value, 'directory');
  if (wanted.config) for (const value of values('path')) add(git, value, { text: '' });
  if (wanted.config && !isTop) for (const value of values('worktree')) add(git, `${value}/.git`, { text: '' });
  return isPlain ? wishes : undefined;
}

/**
 * What a path from somebody's home is in the workspace, whoever's home that is: any directory above the workspace may be it.
 * Undefined where it leads elsewhere from all of them.
 */
function fromHome(value: string, workspace: string): string | undefined {
  const [, rest] = /^~[^/]*\/(.*)$/s.exec(value) ?? [];
  if (rest === undefined) return undefined;
  for (let home = posix.dirname(workspace); ; home = posix.dirname(home)) {
    const path = posix.join(home, rest);
    if (isAtOrBelow(path, workspace)) return path;
    if (home === '/') return undefined;
  }
}

/** Whether a path is of text that can be told again as it is, and not too long. */
function isPlainPath(path: string): boolean {
  return protectedPathFault(path) === undefined && !path.includes('\uFFFD');
}

interface Search {
  readonly wanted: Wanted;
  readonly workspace: string;
  readonly wishes: Wish[];
  /** Entries that may still be looked at. */
  left: number;
  readonly signal: AbortSignal;
}

interface At {
  readonly path: string;
  readonly name: string | Buffer;
  readonly depth: number;
}

/** Names of submodules may have slashes, and submodules may have submodules. @returns why it did not find all of them */
async function collectModules(parent: Handle, { path, name, depth }: At, search: Search): Promise<string | undefined> {
  await using directory = await openBelow(parent, name);
  if (directory?.kind === 'link') return 'a symbolic link in it leads elsewhere';
  if (directory?.kind !== 'directory') return undefined;
  if (depth > most.depth) return `it is deeper than ${most.depth} directories`;
  for await (const { name: entry } of await entriesOf(directory)) {
    search.signal.throwIfAborted();
    search.left -= 1;
    if (search.left < 0) return `it holds more than ${most.entries} files and directories`;
    if (search.wishes.length > most.places) return `it holds more than ${most.places} places to protect`;
    const strange = await collectOne(
      directory,
      { path: `${path}/${entry.toString('utf8')}`, name: entry, depth },
      search,
    );
    if (strange !== undefined) return strange;
  }
  return undefined;
}

/** What has a name below the directory of submodules: one of them, or a part of the name of one. */
async function collectOne(directory: Handle, { path, name, depth }: At, search: Search): Promise<string | undefined> {
  await using below = await openBelow(directory, name);
  if (below?.kind === 'link') return 'a symbolic link in it leads elsewhere';
  if (below?.kind !== 'directory') return undefined;
  if (!isPlainPath(path)) return 'a name in it is too long, or no plain text';
  await using head = await openBelow(below, 'HEAD');
  if (!head) return collectModules(directory, { path, name, depth: depth + 1 }, search);
  const { wishes, strange } = await placesOf(below, { ...search, path });
  search.wishes.push(...wishes);
  return strange ?? collectModules(below, { path: `${path}/modules`, name: 'modules', depth: depth + 1 }, search);
}

/** Undefined when it is too long. */
async function readSmall(directory: Handle, name: string): Promise<string | undefined> {
  await using place = await openBelow(directory, name);
  if (place?.kind !== 'file') return '';
  await using file = await open(pathOf(place), 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(longestConfig + 1), 0, longestConfig + 1, 0);
  return bytesRead > longestConfig ? undefined : buffer.toString('utf8', 0, bytesRead);
}
