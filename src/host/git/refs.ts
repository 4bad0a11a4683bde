import { openBelow, readBelow } from './held-files.ts';
import type { HeldRepository } from './hold.ts';

/** How often a reference may name another one. */
const mostHops = 5;

/** An object id of SHA-1 or SHA-256. */
const id = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** A branch's whole name, as git itself could have made it: it becomes a path. See git-check-ref-format(1). */
const whole = /^refs\/(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[^\0-\x20\x7f~^:?*[\\]+[^/.]$/;

/**
 * The commit that is checked out; undefined before the first one. Files are read through no link, and by nobody but us: git
 * would take what somebody has put in their place since.
 *
 * @throws {Problem} `git.elsewhere`
 */
export function headCommit(repository: HeldRepository): string | undefined {
  const text = textOf(readBelow(repository.gitDir, 'HEAD'));
  return text === undefined ? undefined : resolveText(repository, text, 0);
}

/** The commit of a branch; undefined where there is none of that name. */
export function branchCommit(repository: HeldRepository, branch: string): string | undefined {
  return resolveRef(repository, `refs/heads/${branch}`, 0);
}

/** Whether a branch of that name is there, or others whose names begin with it: then there can be none. */
export function isTaken(repository: HeldRepository, branch: string): boolean {
  const { common } = repository;
  using heads = openBelow(common, ['refs', 'heads']);
  if (heads?.look(branch)) return true;
  const packed = textOf(readBelow(common, 'packed-refs')) ?? '';
  return packed.includes(` refs/heads/${branch}/`) || branchCommit(repository, branch) !== undefined;
}

function resolveText(repository: HeldRepository, text: string, hops: number): string | undefined {
  if (id.test(text)) return text;
  const named = /^ref: *(.+)$/.exec(text)?.[1];
  return named === undefined || hops >= mostHops ? undefined : resolveRef(repository, named, hops + 1);
}

function resolveRef(repository: HeldRepository, name: string, hops: number): string | undefined {
  if (!whole.test(name)) return undefined;
  const { common } = repository;
  const loose = textOf(readBelow(common, name));
  if (loose !== undefined) return resolveText(repository, loose, hops);
  const packed = textOf(readBelow(common, 'packed-refs')) ?? '';
  const line = packed.split('\n').find((each) => each.endsWith(` ${name}`));
  const [commit = ''] = line?.split(' ') ?? [];
  return id.test(commit) ? commit : undefined;
}

function textOf(content: Buffer | undefined): string | undefined {
  return content?.toString('utf8').trimEnd();
}
