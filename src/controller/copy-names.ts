import { Problem } from '../base/problem.ts';
import { isSessionName, slotCount } from '../spec/names.ts';
import { declaredName } from '../spec/schema/formats.ts';
import { parseSessionInstance, sessionNames, type SessionId, type SessionNames } from '../spec/session-names.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { CopyRequest } from './fork-api.ts';

/** What a copy is called. */
export interface CopyNames extends SessionNames {
  /** Only of sessions. */
  readonly slot?: number;
}

/** Whether a name is anybody's, whoever says so. */
export type IsTaken = (names: SessionNames) => Promise<boolean>;

/**
 * A free name for each copy: the next free slots of the workspaces where the original is a session, else those that were
 * asked for.
 *
 * @throws {Problem} `fork.taken`, `fork.name`, `session.slots`: then none of them can be made
 */
export function chooseNames(
  { name, instance }: Manifest,
  copies: readonly CopyRequest[],
  isTaken: IsTaken,
): Promise<readonly CopyNames[]> {
  const session = isSessionName(name) ? parseSessionInstance(instance) : undefined;
  return session ? chooseSlots(session, copies, isTaken) : requireFree(copies, isTaken);
}

async function requireFree(copies: readonly CopyRequest[], isTaken: IsTaken): Promise<CopyNames[]> {
  const names = copies.map(({ name }) => ({ name, instance: `coi-${name}` }));
  for (const [index, each] of names.entries()) {
    if (!declaredName.safeParse(each.name).success) throw noName(each.name);
    const isTwice = names.findIndex(({ name }) => name === each.name) !== index;
    if (isTwice || (await isTaken(each))) throw taken(each.name);
  }
  return names;
}

async function chooseSlots(
  { prefix, hash: usual }: SessionId,
  copies: readonly CopyRequest[],
  isTaken: IsTaken,
): Promise<CopyNames[]> {
  const chosen: CopyNames[] = [];
  for (const { hash = usual } of copies) {
    const free = await nextSlot({ prefix, hash }, async (names) => chosen.some(isSame(names)) || isTaken(names));
    if (!free) throw noSlots(copies.length, chosen.length);
    chosen.push(free);
  }
  return chosen;
}

function isSame({ name }: SessionNames): (other: SessionNames) => boolean {
  return (other) => other.name === name;
}

async function nextSlot(id: Omit<SessionId, 'slot'>, isTaken: IsTaken): Promise<CopyNames | undefined> {
  for (let slot = 1; slot <= slotCount; slot += 1) {
    const names = sessionNames({ ...id, slot });
    requireSession(names.instance);
    if (!(await isTaken(names))) return { ...names, slot };
  }
  return undefined;
}

/** What a command says ends up in names of files and instances. */
function requireSession(instance: string): void {
  if (!parseSessionInstance(instance)) throw noName(instance);
}

function noName(name: string): Problem {
  return new Problem({
    code: 'fork.name',
    message: `${JSON.stringify(name.slice(0, 80))} is not a name for a sandbox`,
    hint: 'Use up to 59 lower-case letters, digits and dashes; not what looks like a session, such as 0123abcd-1',
  });
}

function taken(name: string): Problem {
  return new Problem({
    code: 'fork.taken',
    message: `The name "${name}" is taken: nothing was copied`,
    hint: 'Take another name; see them with: coi list',
  });
}

function noSlots(wanted: number, free: number): Problem {
  return new Problem({
    code: 'session.slots',
    message: `${wanted} copies need as many slots of their workspace, and ${free} of ${slotCount} are free: nothing was copied`,
    hint: 'See them with: coi list. End one with: coi kill NAME',
  });
}
