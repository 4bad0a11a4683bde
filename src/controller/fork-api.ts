/** A copy that somebody wants. */
export interface CopyRequest {
  /** What its sandbox is to be called; means nothing where the original is a session. */
  readonly name: string;
  /** A workspace of its own, absolute and without links; that of the original unless given. */
  readonly workspace?: string;
  /** Of that workspace as it was given, for names of sessions; see spec/session-names.ts. */
  readonly hash?: string;
}

/** Copies that somebody wants. */
export interface ForkRequest {
  /** Whose the copies are to be: numeric id of the user. */
  readonly uid: number;
  /** Name of that user, for the audit log. */
  readonly by: string;
  /** The original: its container, or its sandbox. */
  readonly name: string;
  readonly copies: readonly CopyRequest[];
  /** Only tell what would be made of it. */
  readonly onlyCheck?: true;
}

/** One copy. */
export interface CopyReport {
  readonly name: string;
  readonly instance: string;
  /** Only of sessions. */
  readonly slot?: number;
  readonly workspace?: string;
  /** What it is doing; of one that is not made, or not yet, what it is declared to be doing. */
  readonly state: 'running' | 'stopped';
  readonly ipv4?: string;
  /** Why there is none: then it is not declared any more, unless that is said, too. */
  readonly failure?: string;
}

/** What was made, or would be made, as JSON output has it. */
export interface ForkReport {
  /** Container of the original, and its sandbox. */
  readonly original: string;
  readonly sandbox: string;
  /** Why the copies do not run: somebody holds the original still. */
  readonly held_by?: string;
  /** Driver of the storage pool that it is in. */
  readonly driver: string;
  /** Whether the original stands still while its files are copied, since its storage driver cannot do that at one moment. */
  readonly pauses: boolean;
  /** Whether a copy takes the space, and the time, of all files of the original. */
  readonly whole: boolean;
  /** In the order of the request. */
  readonly copies: readonly CopyReport[];
}

/** What `coi fork` asks of a controller. */
export interface ForkApi {
  /**
   * Make copies of a sandbox as it is at one moment: all of them from one snapshot, each declared in the session source of
   * the user, with the settings of the original and a policy, addresses and a session of its own. Resolves when each of them
   * is as declared, or undeclared again because it never will be: from the first declaration on, what fails is `failure` of
   * a copy.
   *
   * @throws {Problem} before anything is begun: `fork.original` when it cannot be copied, `fork.taken` when a name is taken,
   *   `session.slots` when there are too few slots, and what is wrong with what is asked for; `fork.undeclared` for what is
   *   in the way afterwards, as long as nothing is declared. After anything else copies may stand.
   */
  fork(request: ForkRequest): Promise<ForkReport>;
}
