import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import { parseToml } from '../spec/parse-toml.ts';
import type { SettingsFile } from './settings-files.ts';

/** Settings that a project keeps in its own directory. */
const fileName = '.coi.toml';

/** Sections that cannot loosen what keeps the project away from the host. */
const harmless: ReadonlySet<string> = new Set(['defaults', 'limits']);

/**
 * The settings file of a project, if it has one. Whoever wrote the project wrote it, so it says only what can do no harm.
 *
 * @param workspace absolute
 * @throws {Problem} `trust.needed` with every line that needs somebody's trust, or `cli.unreadable`
 */
export async function readProjectFile(workspace: string): Promise<SettingsFile[]> {
  const file = join(workspace, fileName);
  const text = await readIfThere(file);
  if (text === undefined) return [];
  const document = parseToml(file, text);
  // What is wrong with its syntax is reported with that of the other files.
  if (document instanceof Problem) return [{ file, text }];
  const suspect = Object.keys(document.data).filter((key) => !harmless.has(key));
  if (suspect.length === 0) return [{ file, text }];
  throw new ProblemList(
    suspect.map(
      (key) =>
        new Problem({
          code: 'trust.needed',
          message: `A project may not set ${key} by itself: that needs coi trust, which is not there yet`,
          hint: `Move it to ~/.config/coi/config.toml, or name this file in COI_CONFIG if you wrote it.`,
          position: { file, ...document.locator.nearest([key]).key },
        }),
    ),
  );
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Problem({ code: 'cli.unreadable', message: `Cannot read "${file}": ${messageOf(cause)}`, cause });
  }
}
