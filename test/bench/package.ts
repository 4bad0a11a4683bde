import { execa } from 'execa';
import { cp, glob, mkdir, readFile, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';

let made: Promise<string> | undefined;

/**
 * Puts the product together as npm would install it, compiled and without its sources, so that what is measured is what a
 * user runs, whatever is being edited meanwhile. @returns path of its launcher
 */
export function installedCoi(): Promise<string> {
  made ??= make();
  return made;
}

async function make(): Promise<string> {
  const modules = resolve('node_modules');
  const home = join(modules, '.cache/coi-bench');
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  await execa('npm', ['run', 'build', '--', '--dir', join(home, 'dist')]);
  const { files } = JSON.parse(await readFile('package.json', 'utf8')) as { files: readonly string[] };
  for await (const file of glob(['package.json', ...files], { exclude: ['dist'] })) {
    await cp(file, join(home, file), { recursive: true });
  }
  await symlink(modules, join(home, 'node_modules'));
  return join(home, 'deploy/coi');
}
