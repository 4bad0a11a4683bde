import { builtIn } from '../spec/defaults.ts';
import type { Sight } from './sight.ts';

/** Name of the agent that the settings of this user name. */
export function usualTool({ seen }: Pick<Sight, 'seen'>): string {
  return seen.settings.layer.tool?.name ?? builtIn.tool.name;
}
