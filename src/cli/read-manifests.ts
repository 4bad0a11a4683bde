import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import type { ManifestText } from '../controller/control-api.ts';

/** Larger than any manifest; what sources refuse as well. */
const largestFile = 2 ** 20;

/**
 * Manifest files that a command names: files as they are, and of directories the `*.toml` directly inside. Paths stay as
 * they were given, so that messages can be clicked.
 *
 * @throws {Problem} `cli.unreadable` for what is not there, not readable or too large; `cli.no-manifests` for a directory
 *   without any
 */
export async function readManifests(paths: readonly string[], cwd: string): Promise<ManifestText[]> {
  const texts: ManifestText[] = [];
  for (const path of paths) {
    for (const file of await filesOf(path, cwd)) texts.push(await readManifest(file, cwd));
  }
  return texts;
}

async function filesOf(path: string, cwd: string): Promise<string[]> {
  const full = resolve(cwd, path);
  const info = await stat(full).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!info.isDirectory()) return [path];
  const names = (await readdir(full)).filter((name) => name.endsWith('.toml') && !name.startsWith('.')).sort();
  if (names.length > 0) return names.map((name) => join(path, name));
  throw new Problem({
    code: 'cli.no-manifests',
    message: `"${path}" has no *.toml files`,
    hint: 'Name a file, or another directory',
  });
}

async function readManifest(file: string, cwd: string): Promise<ManifestText> {
  const full = resolve(cwd, file);
  try {
    const { size } = await stat(full);
    if (size <= largestFile) return { file, text: await readFile(full, 'utf8') };
  } catch (cause) {
    throw unreadable(file, cause);
  }
  throw new Problem({
    code: 'cli.unreadable',
    message: `"${file}" is larger than 1 MiB`,
    hint: 'Split it into several files',
  });
}

function unreadable(path: string, cause: unknown): Problem {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  return new Problem({
    code: 'cli.unreadable',
    message: isMissing ? `There is no "${path}"` : `Cannot read "${path}": ${messageOf(cause)}`,
    hint: isMissing ? 'Check the path' : 'Check the permissions of the file and the directories above it',
    cause,
  });
}
