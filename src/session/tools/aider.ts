import type { AgentTool } from './tool.ts';

/** aider. Its history lies in the workspace, so nothing of it is saved apart. */
export const aider: AgentTool = {
  name: 'aider',
  stateDirectories: [],
  hostFiles: ['.aider.conf.yml', '.aider.model.settings.yml'],
  credentials: {
    files: [],
    variables: ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', 'OPENROUTER_API_KEY', 'GEMINI_API_KEY', 'DEEPSEEK_API_KEY'],
  },
  command: ({ binary = 'aider', permissionMode, resume, prompt }) => [
    binary,
    ...(permissionMode === 'bypass' ? ['--yes-always'] : []),
    ...(resume === undefined ? [] : ['--restore-chat-history']),
    ...(prompt === undefined ? [] : ['--message', prompt]),
  ],
  environment: () => ({}),
  settings: () => [],
  continuesByItself: true,
  newestSession: () => undefined,
};
