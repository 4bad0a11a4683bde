import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostProcess } from './container-process.ts';

/** Most groups and processes that are looked at: what runs inside decides how many there are. */
const [mostGroups, mostProcesses] = [512, 2_000];

/** Name of the group that LXC puts a container into; "-1" and so on behind it where the name was taken. */
const payload = /^(.*\/lxc\.payload\.[^/]+)/;

/**
 * Numbers of the processes of a container, on the host, from its control groups: what was started from outside is no child of its init,
 * and what is nested in it has groups below. At most 2,000. Reads no memory of theirs.
 *
 * @see cgroups(7), "/proc files"
 */
export async function containerPids({ pid }: HostProcess): Promise<number[]> {
  const group = groupOf(await readFile(`/proc/${pid}/cgroup`, 'latin1').catch(() => ''));
  const found = new Set([pid]);
  const groups = group === undefined ? [] : [group];
  // What is found while it goes on is looked at, too.
  for (const each of groups) {
    const [processes, below] = await Promise.all([
      processesOf(each),
      groups.length < mostGroups ? groupsBelow(each) : [],
    ]);
    for (const process of processes) found.add(process);
    if (found.size >= mostProcesses) break;
    groups.push(...below.slice(0, mostGroups - groups.length));
  }
  return [...found].slice(0, mostProcesses);
}

/** The container's topmost group: in the unified hierarchy if it is there, else in that of any controller. */
function groupOf(text: string): string | undefined {
  const lines = text.split('\n').map((line) => /^\d+:([^:]*):(.*)$/.exec(line));
  const found = lines.flatMap((line) => {
    const path = payload.exec(line?.[2] ?? '')?.[1];
    return path === undefined ? [] : [{ controllers: line?.[1] ?? '', path }];
  });
  return found.map(({ controllers, path }) => join(mountOf(controllers), path)).find((path) => existsSync(path));
}

/** @see systemd's "Control Group APIs and Delegation" for where hierarchies are mounted */
function mountOf(controllers: string): string {
  const root = '/sys/fs/cgroup';
  if (controllers !== '') return join(root, controllers.replace(/^name=/, ''));
  return existsSync(join(root, 'cgroup.procs')) ? root : join(root, 'unified');
}

async function processesOf(group: string): Promise<number[]> {
  const text = await readFile(join(group, 'cgroup.procs'), 'latin1').catch(() => '');
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
}

async function groupsBelow(group: string): Promise<string[]> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(group, name));
}
