import { newestMatch } from './newest.ts';
import type { AgentTool } from './tool.ts';

/** OpenAI Codex. Its conversations are `.codex/sessions/YYYY/MM/DD/rollout-TIME-UUID.jsonl`. */
export const codex: AgentTool = {
  name: 'codex',
  stateDirectories: ['.codex'],
  hostFiles: ['.codex/auth.json', '.codex/config.toml'],
  credentials: { files: ['.codex/auth.json'], variables: ['OPENAI_API_KEY', 'CODEX_API_KEY'] },
  command: ({ binary = 'codex', permissionMode, resume, prompt }) => [
    binary,
    ...(resume === undefined ? [] : ['resume', resume === true ? '--last' : resume]),
    // The container is the sandbox: codex' own needs privileges that it does not have here.
    ...(permissionMode === 'bypass' ? ['--dangerously-bypass-approvals-and-sandbox'] : []),
    ...(prompt === undefined ? [] : ['--', prompt]),
  ],
  environment: () => ({}),
  settings: () => [],
  continuesByItself: false,
  newestSession: (files) =>
    newestMatch(files, /^\.codex\/sessions\/\d+\/\d+\/\d+\/rollout-[\dT-]+?-(?<id>[0-9a-f-]{36})\.jsonl$/),
};
