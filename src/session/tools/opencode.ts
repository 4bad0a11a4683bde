import { newestMatch } from './newest.ts';
import type { AgentTool } from './tool.ts';

/** opencode. Its data stay in its home, and are saved from there: beside its conversations it keeps its logins in them. */
export const opencode: AgentTool = {
  name: 'opencode',
  stateDirectories: ['.config/opencode', '.local/share/opencode'],
  hostFiles: ['.config/opencode/opencode.json', '.config/opencode/tui.json', '.local/share/opencode/auth.json'],
  credentials: {
    files: ['.local/share/opencode/auth.json'],
    variables: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'GEMINI_API_KEY', 'OPENROUTER_API_KEY'],
  },
  command: ({ binary = 'opencode', resume, prompt }) => [
    binary,
    ...(resume === undefined ? [] : resume === true ? ['--continue'] : ['--session', resume]),
    ...(prompt === undefined ? [] : ['--prompt', prompt]),
  ],
  environment: () => ({}),
  settings: ({ permissionMode }) => [
    {
      path: '.config/opencode/opencode.json',
      keys: { permission: { '*': permissionMode === 'bypass' ? 'allow' : 'ask' } },
    },
  ],
  continuesByItself: true,
  workspaceMark: '.opencode',
  newestSession: (files) => newestMatch(files, /(?:^|\/)opencode\/storage\/session\/[^/]+\/(?<id>ses_\w+)\.json$/),
};
