import type { VerbReport } from './control-api.ts';
import type { SandboxReport } from './report.ts';

/** A session that a command asks for. */
export interface SessionRequest {
  /** Whose session it is: numeric id of the user. */
  readonly uid: number;
  /** Name of that user, for the audit log. */
  readonly by: string;
  /** Of its workspace, see spec/session-names.ts. */
  readonly hash: string;
  /** What its instance name is to begin with. */
  readonly prefix: string;
  /** The slot that is wanted, or the next free one above it; the lowest free one unless given. */
  readonly slot?: number;
  /** A complete manifest file of the session source with one sandbox, whose name does not matter. */
  readonly manifest: string;
  /**
   * Whether a persistent session of the user's own goes on: a stopped one in any slot, one that runs in the slot that is
   * named.
   */
  readonly goesOn?: boolean;
  /** What is to be in the environment of what runs inside. Needs `session` in the manifest. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A session that was declared. */
export interface SessionOpened {
  readonly name: string;
  readonly instance: string;
  readonly slot: number;
  /** Its manifest. */
  readonly file: string;
  /** Whether a stopped container of an earlier session goes on. */
  readonly isReused: boolean;
  /** Whether it runs already, as it was; an agent of it that has ended is started again. */
  readonly isJoined?: boolean;
  /** Whether nobody starts its agent but the command that shows it; only said of one that is joined. */
  readonly isDirect?: boolean;
}

/**
 * What can be waited for: that its instance runs with its rules, and with its session in it where nobody starts an agent;
 * that its agent was started, too; that nothing of it runs; that it stands still; that it is as declared, or runs and only
 * its agent does not yet; that it is as declared; that it has ended for good, although its files may still be on their way out; that nothing of it is left and its slot is free.
 */
export type SandboxGoal = 'running' | 'agent' | 'halted' | 'made' | 'current' | 'stopped' | 'away' | 'gone';

/** How a wait ended. */
export interface SandboxAwaited {
  /** `stuck`: only a person can put right what is in the way; for `running` also that it is on its way out. */
  readonly outcome: 'reached' | 'stuck' | 'timeout';
  /** What is known of it at the end; absent when it is not known. */
  readonly sandbox?: SandboxReport;
}

/** What commands for sessions ask of a controller. */
export interface SessionApi {
  /**
   * Take a slot by declaring a session in it. Of many that want the same slot exactly one gets it. A slot is taken by any
   * instance of its name, whoever owns it; a stopped ephemeral leftover of the user's own is waited for, and a stopped
   * persistent one goes on when its slot is asked for by a persistent session. A session that is to be resumed goes on where
   * it is, in whatever slot: it never runs twice.
   *
   * @throws {Problem} `session.slots` when no slot is free, `session.busy` when the session to resume is neither saved nor
   *   can be joined, `session.name` for a hash, prefix or slot that is none, and
   *   what is wrong with the manifest
   */
  openSession(request: SessionRequest): Promise<SessionOpened>;
  /** Its command has ended: an ephemeral session is deleted, a persistent one stopped. Does not wait for that. */
  endSession(options: { readonly name: string; readonly by: string }): Promise<void>;
  /**
   * Have sandboxes stopped and then deleted. `graceS`: how many seconds what runs inside has to end by itself. Does not wait
   * for that. A sandbox that a directory declares is refused with the name of its file.
   */
  shutDown(options: {
    readonly names: readonly string[];
    readonly by: string;
    readonly graceS: number;
  }): Promise<readonly VerbReport[]>;
  /** Have the containers of sessions stay when they stop. */
  persist(options: { readonly names: readonly string[]; readonly by: string }): Promise<readonly VerbReport[]>;
  /** Wait for a sandbox. `timeoutMs` in milliseconds. */
  awaitSandbox(options: {
    readonly name: string;
    readonly goal: SandboxGoal;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<SandboxAwaited>;
}
