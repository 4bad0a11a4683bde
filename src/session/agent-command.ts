import type { Sandbox } from '../spec/sandbox.ts';
import { workspaceInside } from '../spec/workspace-path.ts';
import { findTool } from './tools/find-tool.ts';
import type { AgentTool, LaunchOptions } from './tools/tool.ts';

/** An agent by name, and how it is to be started. */
export interface NamedAgent {
  readonly tool: AgentTool;
  readonly options: LaunchOptions;
}

/** The agent that a sandbox names; undefined where it runs a command of its own, or nothing. */
export function namedAgent(
  sandbox: Sandbox,
  { sessionId, resume }: Pick<LaunchOptions, 'sessionId' | 'resume'>,
): NamedAgent | undefined {
  const { tool, prompt } = sandbox;
  if (tool.name === undefined) return undefined;
  const { binary, permissionMode = 'bypass', effort, model } = tool;
  return {
    tool: findTool(tool.name),
    options: {
      sessionId,
      permissionMode,
      workspace: workspaceInside(sandbox),
      ...(binary !== undefined && { binary }),
      ...(effort && { effort }),
      ...(model !== undefined && { model }),
      ...(prompt !== undefined && { prompt }),
      ...(resume !== undefined && { resume }),
    },
  };
}

/** What an agent's program is called with, and what its environment holds beside that of every program inside. */
export function agentCommand(
  sandbox: Sandbox,
  agent: NamedAgent | undefined,
): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const { tool, prompt, session } = sandbox;
  const env = agent?.tool.environment(agent.options) ?? {};
  if (session?.debug) return { argv: ['bash'], env };
  if (agent) return { argv: agent.tool.command(agent.options), env };
  return { argv: [...(tool.command ?? []), ...(prompt === undefined ? [] : [prompt])], env };
}
