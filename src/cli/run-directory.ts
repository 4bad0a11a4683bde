import { join } from 'node:path';
import { builtIn } from '../spec/defaults.ts';
import type { Io } from './io.ts';
import { readSettingsFiles } from './settings-files.ts';
import { warn } from './warn.ts';

/**
 * Path of the admin socket. Settings are only parsed when one of their files moves it: that takes longer than asking the
 * controller.
 */
export async function adminSocket(io: Io): Promise<string> {
  return join(io.env['COI_RUN_DIR'] || (await settingOf(io)) || builtIn.controller.runDir, 'coi.sock');
}

async function settingOf(io: Io): Promise<string | undefined> {
  const { files, warnings } = await readSettingsFiles(io);
  warn(io, warnings);
  if (!files.some(({ text }) => text.includes('run_dir'))) return undefined;
  const { readSettings } = await import('./settings.ts');
  return (await readSettings(io)).controller.runDir;
}
