import { builtIn } from '../spec/defaults.ts';
import type { Io } from './io.ts';
import { readSettings } from './settings.ts';

/** Name of the agent that the settings of this user name. */
export async function usualTool(io: Io): Promise<string> {
  const { layer } = await readSettings(io);
  return layer.tool?.name ?? builtIn.tool.name;
}
