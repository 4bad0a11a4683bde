import type { Endpoint } from '../network/policy.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Override } from './override.ts';
import type { Protection } from './protection.ts';
import type { Placement, Reservation } from './render-instance.ts';
import type { Stamp } from './stamp.ts';
import type { LiveInstance } from './view.ts';

/** Instance states that coi tells apart. Everything else (Error, Starting, …) is `other`. */
export type Power = 'running' | 'frozen' | 'stopped' | 'other';

/** One instance that carries our stamp. */
export interface OwnedInstance extends LiveInstance {
  readonly name: string;
  readonly power: Power;
  readonly stamp: Stamp;
  /** Where its NIC sits, read from the stamp's applied view; undefined when that is gone. */
  readonly endpoint: Endpoint | undefined;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  /** When it was last started, milliseconds since 1970; undefined when it never was. */
  readonly startedAt?: number | undefined;
  /** Whether this process saw its creation succeed. Without that a stopped instance with a create intent is a wreck. */
  readonly createdHere: boolean;
  /** Whether it was running when the host or incusd went down, so that being stopped is nobody's wish. */
  readonly lostPower: boolean;
  /** It was put back to a snapshot since its stamp was written: the restore's id. What the stamp intended then is left out. */
  readonly strayEra?: string | undefined;
  /** Text of the Incus operation that is running on it. */
  readonly busy: string | undefined;
  /** Whether the rules of its policy are loaded just as they should be. */
  readonly rules: 'current' | 'drifted' | 'unknown';
  /** Part of that policy: see `NetworkPolicy`. */
  readonly watched?: number;
}

/** Something that keeps an agent from working as it should although it runs. */
export interface AgentLack {
  /** One word, for scripts. */
  readonly reason: 'CredentialMissing' | 'FilesRefused';
  readonly message: string;
}

/** What is known about the agent inside. `restarts`: how often it was started again after an end. */
export type AgentState =
  | { readonly kind: 'unknown' }
  /** `isWantedBack`: somebody came back to it after it had ended. */
  | { readonly kind: 'absent'; readonly isWantedBack?: true }
  | { readonly kind: 'running'; readonly restarts?: number; readonly lack?: AgentLack }
  | { readonly kind: 'ended'; readonly exitCode: number; readonly restartAt: number; readonly restarts?: number };

/** What the sources say about one name. */
export type Desired =
  | {
      readonly kind: 'declared';
      readonly manifest: Manifest;
      /** Whether its source could just be read in full: if not, an extended lifetime may be in what cannot be seen. */
      readonly sourceComplete: boolean;
    }
  /** A tombstone: deletion without grace and guard. */
  | { readonly kind: 'deleted' }
  /** No source declares it any more. `verdict` is the guard's. */
  | { readonly kind: 'missing'; readonly verdict: PruneVerdict }
  /** The source cannot be read, or not in full: nothing may be concluded from absence. */
  | { readonly kind: 'unknown'; readonly message: string };

/** Whether an undeclared sandbox may be deleted now. */
export type PruneVerdict =
  | { readonly kind: 'allowed' }
  | {
      readonly kind: 'wait';
      readonly reason: 'Grace' | 'SourceIncomplete';
      readonly message: string;
      readonly until?: number;
    }
  | { readonly kind: 'held'; readonly reason: 'Guarded' | 'NeedsConfirm'; readonly message: string };

/** A name the manifest depends on. */
export interface Dependency {
  readonly name: string;
  readonly ready: boolean;
}

/** Everything planning may look at for one sandbox, at one moment. Plain data: planning does no I/O. */
export interface World {
  readonly name: string;
  readonly desired: Desired;
  readonly instance: OwnedInstance | undefined;
  /** An instance of this sandbox that is already named for deletion. */
  readonly tombstone: OwnedInstance | undefined;
  /** Why the instance name is taken by something that is not ours. */
  readonly nameTaken: string | undefined;
  /** uid and addresses set aside for an instance that does not exist yet, with their rules loaded. */
  readonly reservation: Reservation | undefined;
  /** Whether the tables, their chains and the second layer are in place. */
  readonly networkReady: boolean;
  /** Problem with the workspace directory on the host. */
  readonly workspace: { readonly message: string; readonly hint: string; readonly isDenied?: boolean } | undefined;
  /** What covers the protected paths of its workspace; undefined while that is not known. */
  readonly protection: Protection | undefined;
  /** Whether the image alias exists; undefined when it was not asked. */
  readonly imageExists: boolean | undefined;
  /** Where its image is missing and the controller builds it: how far that is, as a sentence. */
  readonly imageComing?: string | undefined;
  /** Whether what it is a copy of is there; undefined when it was not asked. */
  readonly originExists?: boolean | undefined;
  readonly overrides: readonly Override[];
  readonly dependencies: readonly Dependency[];
  readonly scheduled: { readonly state: 'running' | 'stopped' | undefined; readonly nextChangeMs?: number } | undefined;
  readonly agent: AgentState;
  /** Whether the process that a session is for has ended; absent where it is for none. */
  readonly isAbandoned?: boolean;
  readonly placement: Placement;
  /** Whether the lifetimes that ended within the last minute leave room for one more deletion. */
  readonly mayExpire: boolean;
  /** JSON pointers of the managed view that are rewritten by somebody else again and again. */
  readonly fighting: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}
