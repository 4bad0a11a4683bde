import { dirname } from 'node:path';
import { Problem, ProblemList } from '../base/problem.ts';
import { looseningKeys } from '../spec/loosening.ts';
import { parseToml } from '../spec/parse-toml.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import type { ProjectFile } from './project-file.ts';

/** What is to be allowed, or not. */
export interface TrustQuestion {
  readonly file: ProjectFile;
  /** What it says, checked. */
  readonly project: SettingsLayer;
  /** The sandbox that comes of all layers, with this in the place of the project's file. */
  readonly resolve: (project: SettingsLayer) => Sandbox;
}

/** Each key of a project's file that takes somebody's trust, as a problem that names its line. */
export function trustProblems({ file: { file, text }, project, resolve }: TrustQuestion): Problem[] {
  const document = parseToml(file, text);
  // What is wrong with its syntax was reported with that of the other files.
  if (document instanceof Problem) return [document];
  return looseningKeys({ project, resolve }).map(
    ({ path, why }) =>
      new Problem({
        code: 'trust.needed',
        message: `A project may not set ${path.join('.')} by itself: ${why}`,
        position: { file, ...document.locator.nearest(path).key },
      }),
  );
}

/**
 * Refuse what nobody trusts.
 *
 * @throws {ProblemList} `trust.needed` with every line in question, the last with what to do
 */
export function requireTrust(question: TrustQuestion): void {
  const problems = trustProblems(question);
  const last = problems.at(-1);
  if (!last) return;
  const { code, message, position } = last;
  const hint = `Read the file; if you want that, allow it as it is now: coi trust ${dirname(question.file.file)}`;
  throw new ProblemList([...problems.slice(0, -1), new Problem({ code, message, hint, ...(position && { position }) })]);
}
