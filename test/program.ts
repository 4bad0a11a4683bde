import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';

const home = join(import.meta.dirname, '..');

/** The program that tests start: what was built, as a user has it, unless the sources are newer; see deploy/coi. */
export const mainProgram = isBuilt() ? join(home, 'dist/main.js') : join(home, 'src/main.ts');

function isBuilt(): boolean {
  const built = join(home, 'dist/main.js');
  if (!existsSync(built)) return false;
  const { mtimeMs } = statSync(built);
  return globSync('src/**', { cwd: home }).every((path) => statSync(join(home, path)).mtimeMs <= mtimeMs);
}
