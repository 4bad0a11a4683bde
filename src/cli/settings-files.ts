import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import type { Io } from './io.ts';

/** A settings file that exists. */
export interface SettingsFile {
  readonly file: string;
  readonly text: string;
}

/** Directory of the host's settings. */
export function etcDirectory(env: NodeJS.ProcessEnv): string {
  return env['COI_ETC'] || '/etc/coi';
}

/**
 * The settings files of this user that exist, lowest layer first: the host's, the user's, and the one that `COI_CONFIG`
 * names. For root the host's and `COI_CONFIG` alone, because what root runs must not depend on who called sudo.
 *
 * @param isRoot whether to read what root would
 * @param project the project's own file, between the user's and that of `COI_CONFIG`
 *
 * @throws {Problem} `cli.unreadable` when a file is there but cannot be read, or `COI_CONFIG` names none
 */
export async function readSettingsFiles(
  { env, cwd }: Pick<Io, 'env' | 'cwd'>,
  isRoot = process.getuid?.() === 0,
  project: readonly SettingsFile[] = [],
): Promise<SettingsFile[]> {
  const named = env['COI_CONFIG'];
  const home = env['HOME'] || homedir();
  const user = isRoot ? [] : [join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'coi/config.toml')];
  const optional = await Promise.all([join(etcDirectory(env), 'config.toml'), ...user].map(readIfThere));
  const below = [...optional.flat(), ...project];
  if (!named) return below;
  const path = isAbsolute(named) ? named : resolve(cwd, named);
  const [file] = await readIfThere(path);
  if (file) return [...below, file];
  throw new Problem({
    code: 'cli.unreadable',
    message: `COI_CONFIG names "${path}", which is not there`,
    hint: 'Correct the variable or unset it',
  });
}

async function readIfThere(file: string): Promise<SettingsFile[]> {
  try {
    return [{ file, text: await readFile(file, 'utf8') }];
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new Problem({ code: 'cli.unreadable', message: `Cannot read "${file}": ${messageOf(cause)}`, cause });
  }
}
