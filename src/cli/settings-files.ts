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

/** The settings files that there are. */
export interface FoundSettings {
  /** Lowest layer first. */
  readonly files: readonly SettingsFile[];
  readonly warnings: readonly Problem[];
}

/** Which settings files are to be read. */
export interface SettingsChoice {
  /**
   * `host`: what the controller reads, whoever asks. `command`: a user's own file, too; for root the same as `host`, because
   * root's commands speak for the controller. `session`: a user's own file, too, also root's.
   */
  readonly scope?: 'host' | 'command' | 'session';
  readonly isRoot?: boolean;
  /** The project's own file, between the user's and that of `COI_CONFIG`. */
  readonly project?: readonly SettingsFile[];
}

/**
 * The settings files that exist, lowest layer first: the host's, the user's, and the one that `COI_CONFIG` names. With sudo
 * the user's is not read: what root runs must not depend on who called.
 *
 * @throws {Problem} `cli.unreadable` when a file is there but cannot be read
 */
export async function readSettingsFiles(
  { env, cwd }: Pick<Io, 'env' | 'cwd'>,
  { project = [], ...choice }: SettingsChoice = {},
): Promise<FoundSettings> {
  const usual = [join(etcDirectory(env), 'config.toml'), ...ownFile(env, choice)];
  const below = [...(await Promise.all(usual.map(readIfThere))).flat(), ...project];
  const named = env['COI_CONFIG'];
  if (!named) return { files: below, warnings: [] };
  const path = isAbsolute(named) ? named : resolve(cwd, named);
  const found = await readIfThere(path);
  return { files: [...below, ...found], warnings: found.length === 0 ? [notThere(path)] : [] };
}

/** The user's own file, where it is to be read. */
function ownFile(
  env: NodeJS.ProcessEnv,
  { scope = 'command', isRoot = process.getuid?.() === 0 }: SettingsChoice,
): string[] {
  const isRead = isRoot ? scope === 'session' && env['SUDO_UID'] === undefined : scope !== 'host';
  return isRead ? [join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'coi/config.toml')] : [];
}

function notThere(path: string): Problem {
  return new Problem({
    code: 'cli.no-settings',
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
