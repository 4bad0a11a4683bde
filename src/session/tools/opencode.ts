import { newestMatch } from './newest.ts';
import type { AgentTool } from './tool.ts';

/** opencode. Its data go into the workspace, so that a conversation stays with the project. */
export const opencode: AgentTool = {
  name: 'opencode',
  stateDirectory: '.config/opencode',
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
  environment: ({ workspace }) => ({
    XDG_DATA_HOME: `${workspace}/.local/share`,
    XDG_STATE_HOME: `${workspace}/.local/state`,
  }),
  settings: ({ permissionMode }) => [
    {
      path: '.config/opencode/opencode.json',
      keys: { permission: { '*': permissionMode === 'bypass' ? 'allow' : 'ask' } },
    },
  ],
  continuesByItself: true,
  newestSession: (files) => newestMatch(files, /(?:^|\/)opencode\/storage\/session\/[^/]+\/(?<id>ses_\w+)\.json$/),
};
