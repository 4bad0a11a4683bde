import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What is inside decides how many groups there are, and how many processes. */
const mostGroups = 1_000;
const mostMembers = 50_000;

/**
 * Processes of a group and of those below it, the topmost groups first; not all of them where there are too many. Does not
 * block.
 *
 * @see cgroups(7), cgroup.procs
 */
export function membersOf(dir: string): readonly number[] {
  const members: number[] = [];
  const waiting = [dir];
  for (let at = 0; at < waiting.length && at < mostGroups && members.length < mostMembers; at += 1) {
    const group = waiting[at]!;
    for (const line of goneAsNone(() => readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n'))) {
      // 0 stands for a process of another namespace, which cannot be named here.
      if (line !== '' && line !== '0') members.push(Number(line));
    }
    const entries = goneAsNone(() => readdirSync(group, { withFileTypes: true }));
    for (const entry of entries) if (entry.isDirectory()) waiting.push(join(group, entry.name));
  }
  return members;
}

function goneAsNone<T>(look: () => T[]): T[] {
  try {
    return look();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Removed meanwhile, or a threaded group of version 2, whose processes are named further up.
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EOPNOTSUPP') return [];
    throw error;
  }
}
