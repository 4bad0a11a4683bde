import type { ProblemReport } from '../controller/report.ts';

/** One kind of thing that can be cleaned, as it was found. */
export interface CleanPart {
  /** How many are to be removed. */
  readonly count: number;
  readonly question: string;
  /** What was found, for JSON. */
  readonly json: object;
  /** What could not be looked at. */
  readonly problems: readonly ProblemReport[];
  show(): void;
  remove(): Promise<CleanEnd>;
}

/** What came of removing it. */
export interface CleanEnd {
  readonly removed: number;
  /** How many are still there. */
  readonly left: number;
  readonly json: object;
  readonly problems: readonly ProblemReport[];
}
