import { Problem } from '../base/problem.ts';
import type { SeenInstance } from '../observe/instances.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Controller } from './controller.ts';

/** A session of a user's. */
export interface OwnSession {
  /** Numeric id of the user. */
  readonly uid: number;
  /** Id of the user's session source. */
  readonly source: string;
  /** Of the session. */
  readonly id: string;
}

type Known = Pick<Controller, 'desired' | 'instances'>;

/** The sandbox that a session is declared in, in whatever slot. */
export function holderOf({ desired }: Known, { source, id }: OwnSession): Manifest | undefined {
  return [...desired.manifests().values()].find((each) => each.source === source && each.sandbox.session?.id === id);
}

/** A container with the state of a session in it. */
export interface Container {
  readonly sandbox: string;
  readonly instance: string;
  /** Whether it is on its way out: the session is saved once it is gone. */
  readonly isLeaving: boolean;
}

/** All containers with the state of a session in them, whatever declares them. */
export function containersWith({ desired, instances }: Known, { uid, id }: OwnSession): Container[] {
  const asContainer = ({ instance, owner }: SeenInstance): Container[] => {
    if (owner.kind !== 'owned') return [];
    const { stamp, isTombstone } = owner;
    if (stamp.session?.owner !== uid || stamp.session.id !== id) return [];
    const { restart, persistent } = desired.manifests().get(stamp.name)?.sandbox ?? {};
    const isSpent = restart === undefined || (instance.state === 'stopped' && restart === 'never' && !persistent);
    return [{ sandbox: stamp.name, instance: stamp.instance, isLeaving: isTombstone || isSpent }];
  };
  return [...instances.all()].flatMap(asContainer);
}

/** A session that can be neither joined nor put into a container of its own. */
export function busySession(
  { id }: OwnSession,
  instance: string,
  { why, hint }: { why: string; hint: string },
): Problem {
  return new Problem({
    code: 'session.busy',
    message: `The session ${id} is in ${instance}, which ${why}`,
    hint: `${hint} ${instance}`,
  });
}

/** Why a session is where it is, and what to do, in front of the container's name. */
export const busy = {
  unsaved: { why: 'is on its way out and not saved yet', hint: 'What is in the way: coi why' },
  frozen: { why: 'is frozen', hint: 'Let it go on: coi resume' },
  declared: { why: 'a file declares', hint: 'Join it there: coi attach' },
} as const;
