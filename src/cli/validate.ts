import { homedir } from 'node:os';
import { renderProblem } from '../base/problem.ts';
import { reportProblem } from '../controller/report.ts';
import { checkReferences } from '../spec/check-references.ts';
import { mergeFiles } from '../spec/merge-files.ts';
import { parseManifestFile } from '../spec/parse-manifests.ts';
import { exitCodes } from './failure.ts';
import { plural } from './plural.ts';
import { jsonText, printableLines } from './printable.ts';
import { readManifests } from './read-manifests.ts';
import { readSettings } from './settings.ts';
import type { Verb } from './verb.ts';

/** `coi validate` */
export const validate: Verb = async ({ io, args, options }) => {
  const { layer, controller } = await readSettings(io);
  const texts = await readManifests(args.length > 0 ? args : controller.sources, io.cwd);
  const home = homedir();
  const files = texts.map((file) => parseManifestFile({ ...file, source: file.file, home, settings: layer }));
  const merged = mergeFiles(files);
  const problems = [...merged.problems, ...checkReferences(merged.manifests).map(({ problem }) => problem)];
  const sandboxes = files.flatMap(({ names }) => names).toSorted();
  if (options['format'] === 'json') {
    io.stdout.write(
      jsonText({ valid: problems.length === 0, files: texts.length, sandboxes, problems: problems.map(reportProblem) }),
    );
  } else {
    for (const problem of problems) io.stdout.write(`${printableLines(renderProblem(problem))}\n`);
    const found = problems.length === 0 ? 'no problems' : plural(problems.length, 'problem');
    io.stdout.write(`${plural(texts.length, 'file')}, ${plural(sandboxes.length, 'sandbox', 'sandboxes')}: ${found}\n`);
  }
  return problems.length === 0 ? exitCodes.done : exitCodes.failed;
};
