import { Problem, renderPosition } from '../base/problem.ts';
import { isSessionName } from '../spec/names.ts';
import { isReservedName } from '../host/incus/temporary-names.ts';

/**
 * What a new snapshot may be called. Incus takes more: `.` and `..` of it end up as paths in its storage pool, and what steers
 * a terminal in everybody's lists.
 */
const newName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** @throws {Problem} `snapshot.name` */
export function requireNewName(name: string): void {
  if (newName.test(name) && !isReservedName(name)) return;
  throw new Problem({
    code: 'snapshot.name',
    message: `${JSON.stringify(name.slice(0, 80))} is no name for a snapshot`,
    hint:
      'Use up to 63 letters, digits, dots, dashes and underscores, with a letter or digit first; not coi-fork- or ' +
      'coi-publish- in front, as what coi makes for a moment is called',
  });
}

/** Whether there could be a snapshot of this name: others would be another path of Incus' API. */
export function isPossibleName(name: string): boolean {
  return !['', '.', '..'].includes(name) && !name.includes('/');
}

/** There is no such snapshot. `of`: the instance. */
export function unknownSnapshot(name: string, of: string): Problem {
  return new Problem({
    code: 'snapshot.unknown',
    message: `There is no snapshot ${JSON.stringify(name.slice(0, 80))} of ${of}`,
    hint: `See them with: coi snapshot list -c ${of}`,
  });
}

/** What was to be put back, and does something. */
export interface NotStopped {
  readonly instance: string;
  /** Of the sandbox. */
  readonly name: string;
  readonly state: string;
  /** Where it is declared. */
  readonly place: { readonly file: string; readonly line?: number } | undefined;
}

/** It has to stand still first. */
export function notStopped({ instance, name, state, place }: NotStopped): Problem {
  const where = place ? ` in ${renderPosition(place)}` : '';
  return new Problem({
    code: 'snapshot.not-stopped',
    message: `${instance} must be stopped to be put back to a snapshot, and is ${state}`,
    hint: isSessionName(name) ? `Stop it first: coi container stop ${instance}` : `Set state = "stopped"${where} first`,
  });
}
