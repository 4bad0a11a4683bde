import type { Operation } from 'fast-json-patch';
import type { Endpoint } from '../network/policy.ts';
import type { Manifest, Sandbox } from '../spec/sandbox.ts';
import type { NetworkRules } from '../network/rules.ts';
import type { HostDirectories } from './host-directories.ts';
import type { Reservation } from './render-instance.ts';
import type { Stamp } from './stamp.ts';
import type { View } from './view.ts';
import type { WatchedFlows } from './watched-flows.ts';

/** How much a step can disturb: `safe` nothing, `disruptive` what runs inside, `destructive` what is stored inside. */
export type Risk = 'safe' | 'disruptive' | 'destructive';

/** What must still be so when a step is carried out. Checked on a fresh look, and by ETag where Incus can. */
export interface Precondition {
  /** The instance must carry this uid. */
  readonly uid?: string;
  /** There must be no instance of this name. */
  readonly absent?: string;
}

/** The one change that a step makes. */
export type Action =
  | ({ readonly kind: 'reserve'; readonly network: NetworkRules } & WatchedFlows)
  | ({
      readonly kind: 'rules';
      readonly uid: string;
      readonly endpoint: Endpoint;
      readonly network: NetworkRules;
    } & WatchedFlows)
  | {
      readonly kind: 'create';
      readonly manifest: Manifest;
      readonly view: View;
      readonly reservation: Reservation;
      readonly generation: number;
      readonly start: boolean;
    }
  | {
      readonly kind: 'power';
      readonly to: 'start' | 'stop' | 'freeze' | 'unfreeze';
      readonly force: boolean;
      /** How many seconds what runs inside gets to stop by itself; as long as usual unless given. */
      readonly graceS?: number;
      /** With a start: what is to be mounted before. */
      readonly directories?: HostDirectories;
      /** With a start: the user inside, who is to have this number. */
      readonly user?: Sandbox['codeUser'];
    }
  | { readonly kind: 'quarantine'; readonly reason: string }
  /** Take away what is mounted for it on the host. */
  | { readonly kind: 'uncover' }
  | {
      readonly kind: 'update';
      readonly operations: readonly Operation[];
      readonly stamp: Partial<Stamp>;
      /** What it is to see of the host, where its devices change. */
      readonly directories?: HostDirectories;
    }
  | { readonly kind: 'stamp'; readonly stamp: Partial<Stamp> }
  /** Have the stamp of something that was put back to a snapshot speak of now. */
  | { readonly kind: 'restamp'; readonly stamp: Partial<Stamp>; readonly isStopped: boolean }
  | { readonly kind: 'save' }
  | { readonly kind: 'tombstone' }
  | { readonly kind: 'unprotect' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'release'; readonly uid: string }
  | { readonly kind: 'agent'; readonly manifest: Manifest; readonly launch: Launch }
  /** Put what was saved of its session into it, where the command that opened the session starts the agent. */
  | { readonly kind: 'restore'; readonly manifest: Manifest }
  | { readonly kind: 'expire'; readonly hash: string; readonly reason: string };

/**
 * How an agent is started: `once`, unless it runs or has ended since its container started; `again`, whatever is there;
 * `back`, where nothing of it is left, to go on with what it did before.
 */
export type Launch = 'once' | 'again' | 'back';

export type ActionKind = Action['kind'];

/** One change, with its reason and what it takes for granted. */
export interface Step {
  readonly action: Action;
  /** Incus instance it concerns. */
  readonly instance: string;
  readonly why: string;
  readonly risk: Risk;
  readonly precondition: Precondition;
  /** Security steps are carried out even while the sandbox is suspended. */
  readonly security: boolean;
  /** What changes in the managed view, RFC 6902; empty for steps that change none of it. */
  readonly patch: readonly Operation[];
}

/** Why nothing more happens although something is still to be done. */
export interface Block {
  readonly reason: BlockReason;
  readonly message: string;
  readonly hint?: string;
  /** Whether only a change of the manifest or the world can help; otherwise looking again later does. */
  readonly stalled: boolean;
}

export type BlockReason =
  | 'ImmutableChange'
  | 'ForeignOwner'
  | 'ImageMissing'
  /** It is declared, and not there yet. */
  | 'ImageBuilding'
  | 'OriginMissing'
  | 'InvalidWorkspace'
  | 'WaitingOperation'
  | 'WaitingDependency'
  | 'WaitingNetwork'
  | 'Suspended'
  | 'Grace'
  | 'Guarded'
  | 'NeedsConfirm'
  | 'Protected'
  | 'Orphaned'
  | 'ExpiryLimit'
  | 'SourceIncomplete'
  | 'Ended'
  /** Only where a user looks who may not see everything. */
  | 'Unseen'
  | 'Fighting';

/** What is to be done about one sandbox, in order. Empty steps and no block: it is as declared. */
export interface Plan {
  readonly name: string;
  readonly steps: readonly Step[];
  /** Difference between the live and the desired managed view, RFC 6902. */
  readonly patch: readonly Operation[];
  readonly block: Block | undefined;
  /** Differences that somebody else made, as JSON pointers into the managed view. */
  readonly drift: readonly string[];
  /** Look again by then, milliseconds since 1970, also when nothing happens. */
  readonly nextLookAt: number | undefined;
}

/** A plan before the rules that hold for every plan are applied. */
export interface Draft {
  readonly steps: readonly Step[];
  readonly patch?: Plan['patch'];
  readonly drift?: readonly string[];
  readonly block?: Block | undefined;
  readonly nextLookAt?: number | undefined;
}
