import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { packageFolder } from '../base/own-files.ts';
import { Problem } from '../base/problem.ts';
import { imageAlias } from '../spec/schema/formats.ts';

/** Definitions that came with this program. */
const ownFolder = join(packageFolder, 'images');

/** Where definitions are looked for. */
export interface DefinitionPlaces {
  /** Directory of the host's settings: what is in its `images` goes before our own. */
  readonly etc: string;
  /** Where relative paths start from. */
  readonly cwd: string;
}

/**
 * The folder of a definition: by name, or by a path where what is given has a slash.
 *
 * @throws {Problem} `image.no-definition` when there is none
 */
export async function findDefinition(name: string, { etc, cwd }: DefinitionPlaces): Promise<string> {
  if (name.includes('/')) return resolve(cwd, name);
  const folders = [join(etc, 'images', name), join(ownFolder, name)];
  for (const folder of imageAlias.safeParse(name).success ? folders : []) {
    if (await exists(join(folder, 'image.toml'))) return folder;
  }
  throw new Problem({
    code: 'image.no-definition',
    message: `There is no image definition ${JSON.stringify(name.slice(0, 80))}`,
    hint: `It would be a folder with an image.toml: ${join(etc, 'images', 'NAME')}, or any by its path: coi build ./NAME`,
  });
}

async function exists(path: string): Promise<boolean> {
  // What cannot be looked at is told of by whoever reads it.
  return await stat(path).then(
    () => true,
    (error: unknown) => (error as NodeJS.ErrnoException).code !== 'ENOENT',
  );
}
