import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pause, type Clock } from '../../base/clock.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import type { HostProcess } from '../process/container-process.ts';
import { membersOf } from './members.ts';
import { payloadGroups, type PayloadGroup } from './payload.ts';

/** Between two looks at whether all stands still, in milliseconds. */
const lookMs = 5;

/** How often what hides in another group is looked for: what it started meanwhile may hide as well. */
const strayRounds = 3;

/**
 * Holds still all of a container, at once and without asking Incus: returns when the kernel was told. What is inside stands
 * still a moment later, groups below included, and what it starts meanwhile as well. Being frozen already is success.
 *
 * Takes the freezer that LXC takes, so that Incus can thaw what was frozen here.
 *
 * @throws {Problem} `cgroup.no-freezer` when there is no such container any more, or no way to freeze; `cgroup.refused`
 * @see cgroups(7); Linux documentation, "Control Group v2", cgroup.freeze, and "cgroup v1", freezer-subsystem
 */
export function freezeGroup(init: HostProcess): void {
  const { group, file, frozen } = freezerOf(init);
  write(join(group.dir, file), frozen);
}

/** Lets go on what {@link freezeGroup} or Incus has frozen. @throws as {@link freezeGroup} */
export function thawGroup(init: HostProcess): void {
  const { group, file, thawed } = freezerOf(init);
  write(join(group.dir, file), thawed);
}

/** Whether it is frozen or about to be, by whomever. @returns false where there is no such container any more */
export function isGroupFrozen(init: HostProcess): boolean {
  const freezer = findFreezer(payloadGroups(init));
  if (!freezer) return false;
  const text = read(join(freezer.group.dir, freezer.file));
  return text !== undefined && text.trim() !== freezer.thawed;
}

/**
 * Waits until nothing of a frozen container moves any more, and takes in what sits in another group of some hierarchy.
 *
 * @returns false when something still moved at the end: a process in the kernel that cannot be interrupted
 * @throws as {@link freezeGroup}; the signal's reason
 */
export async function untilStill(init: HostProcess, clock: Clock, signal: AbortSignal): Promise<boolean> {
  for (let round = 0; round < strayRounds && gatherStrays(init) > 0; round += 1) await clock.sleep(lookMs, signal);
  const freezer = freezerOf(init);
  while (!isStill(freezer)) {
    if (signal.aborted) return false;
    await pause(clock, lookMs, signal);
  }
  return true;
}

interface Freezer {
  readonly group: PayloadGroup;
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
}

function freezerOf(init: HostProcess): Freezer {
  const groups = payloadGroups(init);
  const freezer = findFreezer(groups);
  if (freezer) return freezer;
  throw new Problem({
    code: 'cgroup.no-freezer',
    message:
      groups.length === 0
        ? `Process ${init.pid} is not, or no longer, the init of a container`
        : `No control group of process ${init.pid} can be frozen`,
    hint: 'Mount cgroup v2, or the freezer of v1; see coi health',
    retry: 'backoff',
  });
}

/** In the order in which LXC looks. */
function findFreezer(groups: readonly PayloadGroup[]): Freezer | undefined {
  const v1 = groups.find(({ controllers }) => controllers.includes('freezer'));
  if (v1) return { group: v1, file: 'freezer.state', frozen: 'FROZEN', thawed: 'THAWED' };
  const v2 = groups.find(({ version }) => version === 2);
  return v2 && { group: v2, file: 'cgroup.freeze', frozen: '1', thawed: '0' };
}

function isStill({ group, file }: Freezer): boolean {
  if (group.version === 1) return read(join(group.dir, file))?.trim() !== 'FREEZING';
  return !/^frozen 0$/m.test(read(join(group.dir, 'cgroup.events')) ?? '');
}

/** Puts into the frozen group what is the container's by any other hierarchy. @returns how many that were */
function gatherStrays(init: HostProcess): number {
  const groups = payloadGroups(init);
  const freezer = findFreezer(groups);
  if (!freezer) return 0;
  const inside = new Set(membersOf(freezer.group.dir));
  const others = groups.filter((each) => each !== freezer.group).flatMap(({ dir }) => membersOf(dir));
  const strays = [...new Set(others)].filter((pid) => !inside.has(pid));
  return strays.filter((pid) => moveTo(freezer.group.dir, pid)).length;
}

/** @returns false when it has ended */
function moveTo(dir: string, pid: number): boolean {
  try {
    writeFileSync(join(dir, 'cgroup.procs'), String(pid));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw refused(join(dir, 'cgroup.procs'), error);
  }
}

function write(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw refused(path, error);
  }
}

function refused(path: string, cause: unknown): Problem {
  const message = `The kernel did not take what was written to ${path}: ${messageOf(cause)}`;
  return new Problem({ code: 'cgroup.refused', message, hint: 'See coi health', retry: 'backoff', cause });
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The container has ended, and its groups with it.
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}
