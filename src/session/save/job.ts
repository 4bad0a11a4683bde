import type { SaveLimits } from './entry.ts';
import type { Copied } from './fetch-tree.ts';
import type { GuestPlace } from './guest-place.ts';
import type { LeftOutReport } from './left-out.ts';
import type { SessionMetadata } from './metadata.ts';
import type { SessionsPlace } from './open-sessions.ts';
import type { SavedSize } from './saved-size.ts';
import type { SavedSession } from './store.ts';

/** A session to save. */
export interface SaveJob {
  readonly kind: 'save';
  readonly place: SessionsPlace;
  readonly metadata: Omit<SessionMetadata, 'leftOut'>;
  readonly guest: GuestPlace;
  readonly limits: SaveLimits;
}

/** A session to put into a sandbox. */
export interface RestoreJob {
  readonly kind: 'restore';
  readonly place: SessionsPlace;
  readonly id: string;
  readonly workspace: string;
  readonly guest: GuestPlace;
  /** Whose the files are inside. */
  readonly guestOwner: { readonly uid: number; readonly gid: number };
}

/** What is done with saved sessions without any sandbox. */
export type StoreJob = { readonly place: SessionsPlace } & (
  | { readonly kind: 'list' }
  | { readonly kind: 'size'; readonly id: string }
  | { readonly kind: 'latest'; readonly workspace: string }
  | { readonly kind: 'require'; readonly id: string; readonly workspace: string }
  | { readonly kind: 'find'; readonly id: string }
  | { readonly kind: 'note'; readonly metadata: Omit<SessionMetadata, 'leftOut'> }
  | { readonly kind: 'remove'; readonly id: string }
  | { readonly kind: 'remove-all' }
);

/** Work that is done as the owner of sessions. */
export type Job = SaveJob | RestoreJob | StoreJob;

/** What became of a tree that was copied. */
export interface CopyResult extends Copied {
  readonly leftOut: LeftOutReport;
  /** Peak memory of the process that copied, in bytes. */
  readonly peakMemoryBytes: number;
}

/** What came of a save. */
export interface SaveResult extends CopyResult {
  /** Whether there was any state: without it, a copy that was saved before stays as it was. */
  readonly hadState: boolean;
}

/** What each kind of job gives back. */
export interface JobResults {
  readonly save: SaveResult;
  readonly restore: CopyResult;
  readonly list: readonly SavedSession[];
  readonly size: SavedSize;
  readonly latest: SavedSession | null;
  readonly require: SavedSession;
  readonly find: SavedSession | null;
  readonly note: boolean;
  readonly remove: boolean;
  readonly 'remove-all': number;
}
