import { open, readdir } from 'node:fs/promises';
import { posix } from 'node:path';
import { openBelow, pathOf, type Handle } from './handle.ts';
import type { Wish } from './wishes.ts';

/** Most submodules that are looked for, and how deep: a repository of others may hold any number. */
const most = { modules: 200, depth: 8 };

/** Git's own limit is far above what people write by hand; more is not read. */
const longestConfig = 65_536;

/**
 * The places from which git on the host takes programs to run, where their protection is wished for: in the repository of
 * the workspace and in those of its submodules. With `.git/config` go the files that name another configuration or another
 * directory to take it from, with `.git/hooks` the directory that `core.hooksPath` names. See gitrepository-layout(5).
 *
 * @param workspace a view of the workspace in which nothing is mounted
 */
export async function gitWishes(workspace: Handle, protectedPaths: readonly string[]): Promise<Wish[]> {
  const wanted = { config: protectedPaths.includes('.git/config'), hooks: protectedPaths.includes('.git/hooks') };
  if (!wanted.config && !wanted.hooks) return [];
  await using git = await openBelow(workspace, '.git');
  if (git?.kind !== 'directory') return [];
  const found: Wish[] = [...(await wishesOf(git, '.git', wanted))];
  await collectModules(git, { path: '.git/modules', name: 'modules', depth: 0 }, { wanted, found });
  return found;
}

interface Wanted {
  readonly config: boolean;
  readonly hooks: boolean;
}

async function wishesOf(git: Handle, path: string, { config, hooks }: Wanted): Promise<Wish[]> {
  const text = await readSmall(git, 'config');
  const wishes: Wish[] = [];
  if (hooks) wishes.push({ path: `${path}/hooks`, missing: 'directory' });
  if (config) {
    wishes.push(
      { path: `${path}/config`, missing: { text: '' } },
      { path: `${path}/config.worktree`, missing: { text: '' } },
      // Git takes configuration and hooks from the directory that this file names: itself, as without the file.
      { path: `${path}/commondir`, missing: { text: '.\n' } },
      { path: `${path}/worktrees`, missing: 'directory' },
    );
  }
  return [...wishes, ...namedIn(text, path, { config, hooks })];
}

/** Files and directories of the workspace that a configuration makes git read or run. */
function namedIn(text: string, git: string, { config, hooks }: Wanted): Wish[] {
  const wishes: Wish[] = [];
  const values = (key: string) =>
    [...text.matchAll(new RegExp(String.raw`^[ \t]*${key}[ \t]*=[ \t]*"?([^"\n;#]+)`, 'gim'))].map(([, value = '']) =>
      value.trim(),
    );
  // Hooks are named from the top of the work tree, included files from the file that names them: see git-config(1).
  const add = (from: string, value: string, missing: Wish['missing']) => {
    const path = posix.normalize(posix.join(from, value)).replace(/\/+$/, '');
    const isInside = !value.startsWith('/') && !value.startsWith('~') && path !== '.' && !path.startsWith('..');
    if (isInside && path !== git) wishes.push({ path, missing });
  };
  if (hooks && git === '.git') for (const value of values('hookspath')) add('', value, 'directory');
  if (config) for (const value of values('path')) add(git, value, { text: '' });
  if (config && git !== '.git') for (const value of values('worktree')) add(git, `${value}/.git`, { text: '' });
  return wishes;
}

interface Search {
  readonly wanted: Wanted;
  readonly found: Wish[];
}

/** Names of submodules may have slashes, and submodules may have submodules. */
async function collectModules(
  parent: Handle,
  { path, name, depth }: { path: string; name: string; depth: number },
  search: Search,
): Promise<void> {
  await using directory = await openBelow(parent, name);
  if (directory?.kind !== 'directory' || depth > most.depth) return;
  for (const entry of (await readdir(pathOf(directory))).toSorted()) {
    if (search.found.length > most.modules * 5) return;
    await using below = await openBelow(directory, entry);
    if (below?.kind !== 'directory') continue;
    const own = `${path}/${entry}`;
    await using head = await openBelow(below, 'HEAD');
    if (head) search.found.push(...(await wishesOf(below, own, search.wanted)));
    const inner = head ? { path: `${own}/modules`, name: 'modules' } : { path: own, name: entry };
    await collectModules(head ? below : directory, { ...inner, depth: depth + 1 }, search);
  }
}

async function readSmall(directory: Handle, name: string): Promise<string> {
  await using place = await openBelow(directory, name);
  if (place?.kind !== 'file') return '';
  await using file = await open(pathOf(place), 'r');
  const { buffer, bytesRead } = await file.read(Buffer.alloc(longestConfig), 0, longestConfig, 0);
  return buffer.toString('utf8', 0, bytesRead);
}
