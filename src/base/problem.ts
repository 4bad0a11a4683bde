/** A place in a file, as editors and compilers print it. Lines and columns count from 1. */
export interface Position {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/**
 * Whether trying the same thing again can help: `backoff` when the world may change by itself, `conflict` when a fresh
 * look is enough, `never` when somebody has to change something first.
 */
export type Retry = 'backoff' | 'conflict' | 'never';

/** What a {@link Problem} is made from. */
export interface ProblemInit {
  /** Stable name `area.what`, for scripts, metrics and tests. */
  readonly code: string;
  /** What was tried and what is so, as one sentence without a full stop. */
  readonly message: string;
  /** What to do next, as a sentence of its own. */
  readonly hint?: string;
  readonly retry?: Retry;
  readonly position?: Position;
  readonly cause?: unknown;
}

/** A failure that a person can act on. Anything thrown that is not a Problem is a bug in coi. */
export class Problem extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly retry: Retry;
  readonly position: Position | undefined;

  constructor({ code, message, hint, retry = 'never', position, cause }: ProblemInit) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'Problem';
    this.code = code;
    this.hint = hint;
    this.retry = retry;
    this.position = position;
  }
}

/** Several problems found in one go, so that a person sees all of them at once. `problems` is never empty. */
export class ProblemList extends Problem {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super({
      code: problems[0]?.code ?? 'problem.list',
      message: problems.map((problem) => problem.message).join('; '),
    });
    this.problems = problems;
  }
}

/** `file:line:column`, leaving out what is not known. */
export function renderPosition({ file, line, column }: Position): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

/** A problem as a person reads it: where, what, and what to do next, one line each. */
export function renderProblem(problem: Problem): string {
  if (problem instanceof ProblemList) return problem.problems.map(renderProblem).join('\n');
  const where = problem.position ? `${renderPosition(problem.position)}: ` : '';
  const hint = problem.hint ? `\n  ${problem.hint}` : '';
  return `${where}${problem.message}${hint}`;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
