import { renderProblem, type Problem } from '../base/problem.ts';
import { reportProblem } from '../controller/report.ts';
import { homeOf } from '../source/homes.ts';
import { checkReferences } from '../spec/check-references.ts';
import { mergeFiles } from '../spec/merge-files.ts';
import { parseManifestFile, type ParsedFile } from '../spec/parse-manifests.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import { exitCodes } from './failure.ts';
import { plural } from './plural.ts';
import { jsonText, printableLines } from './printable.ts';
import { readManifests, type OwnedText } from './read-manifests.ts';
import { readSettings, withHostLayer } from './settings.ts';
import { compare } from './sort-status.ts';
import type { Verb } from './verb.ts';

/** `coi validate` */
export const validate: Verb = async ({ io, args, options }) => {
  const { layer, controller } = await withHostLayer(await readSettings(io), io);
  const { texts, problems: unread } = await readManifests(args.length > 0 ? args : controller.sources, io.cwd);
  const files = await Promise.all(texts.map((text) => parse(text, layer)));
  const merged = mergeFiles(files);
  const lost = checkReferences(merged.manifests).map(({ problem }) => problem);
  const problems = [...unread, ...merged.problems, ...lost].toSorted(byPlace);
  const sandboxes = files.flatMap(({ names }) => names).toSorted(compare);
  const images = files.flatMap(({ imageNames }) => imageNames).toSorted(compare);
  const counts = { files: texts.length, sandboxes, images };
  if (options['format'] === 'json') {
    io.stdout.write(jsonText({ valid: problems.length === 0, ...counts, problems: problems.map(reportProblem) }));
  } else {
    for (const problem of problems) io.stdout.write(`${printableLines(renderProblem(problem))}\n`);
    const found = problems.length === 0 ? 'no problems' : plural(problems.length, 'problem');
    const named = [
      plural(sandboxes.length, 'sandbox', 'sandboxes'),
      ...(images.length > 0 ? [plural(images.length, 'image')] : []),
    ];
    io.stdout.write(`${[plural(texts.length, 'file'), ...named].join(', ')}: ${found}\n`);
  }
  return problems.length === 0 ? exitCodes.done : exitCodes.failed;
};

async function parse({ file, text, uid }: OwnedText, settings: SettingsLayer): Promise<ParsedFile> {
  return parseManifestFile({ file, text, source: 'validate', home: await homeOf(uid), settings });
}

/** By file, then line; the order within a line stays. */
function byPlace(a: Problem, b: Problem): number {
  return compare(a.position?.file ?? '', b.position?.file ?? '') || (a.position?.line ?? 0) - (b.position?.line ?? 0);
}
