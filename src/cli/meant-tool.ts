import type { Io } from './io.ts';
import { profileNamed } from './session-request.ts';
import { readSettings } from './settings.ts';
import { usualTool } from './usual-tool.ts';

/** Flags that say which agent a command is about. */
export interface ToolFlags {
  readonly tool?: string;
  readonly profile?: string;
}

/**
 * Name of the agent that a command line means: the one of `--tool`, of the profile, or else of the settings.
 *
 * @throws {Problem} `spec.profile` when there is no such profile
 */
export async function meantTool(io: Io, { tool, profile }: ToolFlags): Promise<string> {
  const chosen = profile === undefined ? undefined : profileNamed(profile, await readSettings(io));
  return tool ?? chosen?.tool?.name ?? (await usualTool(io));
}
