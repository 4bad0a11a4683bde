import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import type { SettingsFile } from './settings-files.ts';

/** Settings that a project keeps in its own directory. */
export const projectFileName = '.coi.toml';

/** More than anybody writes by hand. */
const longestFile = 1_048_576;

/** A project's own settings, as they were read once: what is judged is what is used. */
export interface ProjectFile extends SettingsFile {
  /** Of its exact bytes, SHA-256 in hex. */
  readonly hash: string;
}

/**
 * The settings file of a project, if it has one. Whoever wrote the project wrote it, so it is not followed anywhere: a link,
 * a pipe and a file without end are refused.
 *
 * @param workspace absolute; the file is named by the directory that it leads to
 * @throws {Problem} `trust.file` when it is no ordinary file, `cli.unreadable` when it cannot be read
 */
export async function readProjectFile(workspace: string): Promise<ProjectFile | undefined> {
  const directory = await realpath(workspace).catch(() => workspace);
  const file = join(directory, projectFileName);
  try {
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    await using handle = await open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > longestFile) throw noOrdinaryFile(file);
    const bytes = await handle.readFile();
    return { file, text: bytes.toString('utf8'), hash: createHash('sha256').update(bytes).digest('hex') };
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ELOOP') throw noOrdinaryFile(file);
    throw new Problem({ code: 'cli.unreadable', message: `Cannot read "${file}": ${messageOf(cause)}`, cause });
  }
}

function noOrdinaryFile(file: string): Problem {
  return new Problem({
    code: 'trust.file',
    message: `"${file}" is no ordinary file of at most 1 MiB`,
    hint: 'A project keeps its settings in a file of its own: replace what is there, or remove it.',
  });
}
