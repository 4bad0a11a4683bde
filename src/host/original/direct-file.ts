import { readFile, stat } from 'node:fs/promises';
import { writeFileAtomically } from '../../base/atomic-file.ts';
import { messageOf, Problem } from '../../base/problem.ts';
import { rulesInDirectFile, withoutRules, type FiledRule } from '../../network/original/direct-file.ts';

/** Where firewalld keeps the direct rules that it loads when it starts. See firewalld.direct(5). */
export const directFilePath = '/etc/firewalld/direct.xml';

/** Rules for `ipv4 filter FORWARD` in that file; none where it is not there. @throws {Problem} `firewalld.file` */
export async function readDirectFile(path = directFilePath): Promise<FiledRule[]> {
  return rulesInDirectFile(await readText(path));
}

/**
 * Takes rules out of that file at once and leaves every other byte as it was. A firewalld that runs sees it within seconds;
 * what is in force does not change.
 *
 * @param isWanted called for each rule that is in the file at this moment
 * @throws {Problem} `firewalld.file`
 */
export async function removeFromDirectFile(
  isWanted: (rule: FiledRule) => boolean,
  path = directFilePath,
): Promise<void> {
  const text = await readText(path);
  const gone = rulesInDirectFile(text).filter(isWanted);
  if (gone.length === 0) return;
  try {
    await writeFileAtomically(path, withoutRules(text, gone), (await stat(path)).mode & 0o777);
  } catch (error) {
    throw failed('write', path, error);
  }
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw failed('read', path, error);
  }
}

function failed(verb: string, path: string, cause: unknown): Problem {
  return new Problem({ code: 'firewalld.file', message: `Cannot ${verb} ${path}: ${messageOf(cause)}`, cause });
}
