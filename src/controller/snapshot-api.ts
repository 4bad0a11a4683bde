/** Which snapshot of which sandbox, and who asks. */
export interface SnapshotRequest {
  /** Name of the sandbox. */
  readonly name: string;
  readonly snapshot: string;
  /** Name of the user, for the audit log. */
  readonly by: string;
}

/** What commands for snapshots ask of a controller. Each resolves when it is done, and throws {Problem}, see `snapshot.*`. */
export interface SnapshotApi {
  /**
   * Make a snapshot, which stays until somebody deletes it.
   *
   * @throws {Problem} `snapshot.name` for a name that is none, `snapshot.taken`, `snapshot.stateful` where Incus cannot keep
   *   what runs
   */
  createSnapshot(request: SnapshotRequest & { readonly stateful?: boolean }): Promise<void>;
  /**
   * Put a stopped sandbox back to a snapshot: what is on its disk, and nothing else. What is declared of it holds as before.
   *
   * @throws {Problem} `snapshot.not-stopped`, `snapshot.unknown`
   */
  restoreSnapshot(request: SnapshotRequest): Promise<void>;
  /** @throws {Problem} `snapshot.unknown` */
  deleteSnapshot(request: SnapshotRequest): Promise<void>;
}
