import { renderProblem, type Problem } from '../base/problem.ts';
import type { Io } from './io.ts';
import { printableLines } from './printable.ts';

/** Show warnings on stderr, each once: a command may come by the same more than once. */
export function warn({ stderr, warned }: Pick<Io, 'stderr' | 'warned'>, warnings: readonly Problem[]): void {
  for (const text of warnings.map(renderProblem).filter((each) => !warned?.has(each))) {
    warned?.add(text);
    stderr.write(`coi: warning: ${printableLines(text)}\n`);
  }
}
