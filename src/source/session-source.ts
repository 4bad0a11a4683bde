import { FileSource, type FileSourceInit } from './directory.ts';
import { sessionDirectory } from './session-store.ts';
import type { Source } from './source.ts';

/** A user's share of the session source. */
export interface SessionSourceInit extends Omit<FileSourceInit, 'path'> {
  /** State directory of the controller. */
  readonly stateDir: string;
  /** Whose sandboxes: numeric id of the user. */
  readonly uid: number;
}

/** The id that instances of a user's sessions are stamped with. */
export function sessionSourceId(uid: number): string {
  return `session/${uid}`;
}

/**
 * What one user asked for on the command line, as a source: a file per sandbox below `STATE/desired/UID/`. Files with
 * `state = "absent"` are tombstones. A user who never asked for anything has no directory, which is complete and empty
 * as long as no instance is theirs.
 */
export function sessionSource({ stateDir, uid, ...init }: SessionSourceInit): Source {
  const path = sessionDirectory(stateDir, uid);
  return new FileSource({ ...init, path, kind: 'session', ownerUid: uid, id: sessionSourceId(uid) });
}
