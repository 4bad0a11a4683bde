import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { payloadGroups } from './payload.ts';
import type { HostProcess } from '../process/container-process.ts';

/** Most groups and processes that are looked at: what runs inside decides how many there are. */
const [mostGroups, mostProcesses] = [512, 2_000];

/**
 * Numbers of the processes of a container, on the host, from its control groups: what was started from outside is no child of its init,
 * and what is nested in it has groups below. At most 2,000. Reads no memory of theirs.
 *
 * @see cgroups(7), "/proc files"
 */
export async function containerPids(init: HostProcess): Promise<number[]> {
  const group = groupOf(init);
  const found = new Set([init.pid]);
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

/** The container's own group, whatever init named those below it: that of the freezer, which takes in what strays. */
function groupOf(init: HostProcess): string | undefined {
  const groups = payloadGroups(init);
  const freezer = groups.find(({ controllers }) => controllers.includes('freezer'));
  return (freezer ?? groups.find(({ version }) => version === 2) ?? groups[0])?.dir;
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
