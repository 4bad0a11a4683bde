import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

/** The folder that holds this program: of the package, or of the checkout. */
export const packageFolder = folderWith('package.json', import.meta.dirname);

/** Built together, a module is not in a folder of its own any more. */
function folderWith(name: string, from: string): string {
  const above = dirname(from);
  return above === from || existsSync(join(from, name)) ? from : folderWith(name, above);
}

/** Where the files are that run: sources in a checkout, else what was built of them. */
export const runningFolder = join(packageFolder, isSource() ? 'src' : 'dist');

function isSource(): boolean {
  return extname(import.meta.filename) === '.ts';
}

/** Path of a program of ours that runs in a process of its own. @param name its path below src, without extension */
export function ownProgram(name: string): string {
  return join(runningFolder, `${name}${isSource() ? '.ts' : '.js'}`);
}
