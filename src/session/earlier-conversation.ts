import type { InsideFiles } from '../apply/agent-recipe.ts';
import type { Sandbox } from '../spec/sandbox.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { findTool } from './tools/find-tool.ts';
import type { LaunchOptions } from './tools/tool.ts';

/**
 * What an agent is to go on with: the conversation inside that was written to last. Told from the names of files there, which
 * are up to whoever is inside: none that can be told keeps no agent from starting.
 */
export async function earlierConversation(sandbox: Sandbox, inside: InsideFiles): Promise<LaunchOptions['resume']> {
  if (sandbox.tool.name === undefined) return undefined;
  const { stateDirectories, newestSession, continuesByItself } = findTool(sandbox.tool.name);
  const files = stateDirectories.length === 0 ? [] : await inside.newest(stateDirectories);
  return newestSession(files, workspaceInside(sandbox)) ?? (continuesByItself ? true : undefined);
}
