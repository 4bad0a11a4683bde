import { ProblemList, renderProblem } from '../base/problem.ts';
import { parseSettings, type Settings } from '../spec/settings.ts';
import type { Io } from './io.ts';
import { printableLines } from './printable.ts';
import { readSettingsFiles } from './settings-files.ts';

/**
 * Settings as this command sees them: files, then `COI_STATE_DIR` and `COI_RUN_DIR`. Keys that nobody knows are
 * mentioned on stderr.
 *
 * @throws {ProblemList} when a settings file cannot be used
 */
export async function readSettings(io: Io): Promise<Settings> {
  const { settings, warnings, problems } = parseSettings(await readSettingsFiles(io));
  for (const warning of warnings) io.stderr.write(`coi: warning: ${printableLines(renderProblem(warning))}\n`);
  if (problems.length > 0) throw new ProblemList(problems);
  const { COI_STATE_DIR: stateDir, COI_RUN_DIR: runDir } = io.env;
  const controller = { ...settings.controller, ...(stateDir && { stateDir }), ...(runDir && { runDir }) };
  return { ...settings, controller };
}
