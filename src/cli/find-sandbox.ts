import { Problem, renderPosition } from '../base/problem.ts';
import type { StatusReport } from '../controller/control-api.ts';
import type { ProblemReport, SandboxReport } from '../controller/report.ts';
import { nearest } from '../spec/nearest.ts';
import { printable } from './printable.ts';

/**
 * The sandbox of a name, or of its instance's name.
 *
 * @throws {Problem} `cli.unknown-sandbox` that also says which manifests could not be read: it may be in one of them
 */
export function requireSandbox({ sandboxes, sources }: StatusReport, name: string): SandboxReport {
  const found = sandboxes.find((each) => each.name === name) ?? sandboxes.find((each) => each.instance === name);
  if (found) return found;
  const problems = sources.flatMap((source) => source.problems);
  const meant = nearest(
    name,
    sandboxes.map((each) => each.name),
  );
  const unread = problems.map((problem) => `\n  Not read: ${printable(problemText(problem))}`).join('');
  throw new Problem({
    code: 'cli.unknown-sandbox',
    message: `There is no sandbox "${printable(name)}"`,
    hint: `${meant ? `Did you mean "${printable(meant)}"? ` : ''}All of them: coi status${unread}`,
  });
}

/** A reported problem on one line. */
export function problemText({ file, line, column, message, hint }: ProblemReport): string {
  const where =
    file === undefined ? '' : `${renderPosition({ file, ...(line && { line }), ...(column && { column }) })}: `;
  return `${where}${message}${hint ? `. ${hint}` : ''}`;
}
