import { resolve } from 'node:path';
import { profileNamed, requireProfile } from '../spec/profile.ts';
import { usualTool } from '../spec/settings.ts';
import type { Io } from './io.ts';
import { readSessionSettings } from './settings.ts';
import { isTrusted } from './trust-store.ts';

/** Flags that say whose sessions are meant. */
export interface ToolFlags {
  readonly workspace?: string;
  readonly tool?: string;
  readonly profile?: string;
}

/**
 * Name of the agent that a command line means: the one of `--tool`, or else the one that a session of the workspace would have.
 *
 * @throws {ProblemList} as {@link usualToolHere}, also beside `--tool`
 */
export async function meantTool(io: Io, { tool, ...flags }: ToolFlags): Promise<string> {
  const usual = await usualToolHere(io, flags);
  return tool ?? usual;
}

/**
 * Name of the agent that a session of this workspace would have. A project that nobody trusts has no say in it.
 *
 * @throws {ProblemList} when settings cannot be used, or there is no such profile
 */
export async function usualToolHere(io: Io, { workspace = '.', profile }: Omit<ToolFlags, 'tool'>): Promise<string> {
  const { settings, project } = await readSessionSettings(io, resolve(io.cwd, workspace));
  requireProfile(profile, settings.layer);
  const isHeard = project === undefined || (await isTrusted(io, project.file));
  const { layer } = isHeard ? settings : project.settingsWith({});
  return usualTool(layer, profileNamed(profile, layer));
}
