import { Problem } from '../../base/problem.ts';
import { aider } from './aider.ts';
import { claude } from './claude.ts';
import { codex } from './codex.ts';
import { gemini } from './gemini.ts';
import { opencode } from './opencode.ts';
import type { AgentTool } from './tool.ts';

/** The agents that coi knows, the usual one first. Anything else runs by `tool.command`. */
export const agentTools: readonly AgentTool[] = [claude, opencode, aider, codex, gemini];

/** @throws {Problem} `tool.unknown` with the names that there are */
export function findTool(name: string): AgentTool {
  const tool = agentTools.find((each) => each.name === name);
  if (tool) return tool;
  throw new Problem({
    code: 'tool.unknown',
    message: `There is no tool "${name}"`,
    hint: `Supported tools: ${agentTools.map((each) => each.name).join(', ')}. Anything else: tool.command = ["…"]`,
  });
}
