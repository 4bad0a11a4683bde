import type { AgentTool } from './tool.ts';

/** Gemini CLI. It keeps one conversation a project and finds it again by itself. */
export const gemini: AgentTool = {
  name: 'gemini',
  stateDirectory: '.gemini',
  hostFiles: ['.gemini/oauth_creds.json', '.gemini/google_accounts.json', '.gemini/settings.json'],
  hosts: ['cloudcode-pa.googleapis.com', 'generativelanguage.googleapis.com', 'oauth2.googleapis.com'],
  credentials: { files: ['.gemini/oauth_creds.json'], variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'] },
  command: ({ binary = 'gemini', permissionMode, resume, prompt }) => [
    binary,
    ...(permissionMode === 'bypass' ? ['--yolo'] : []),
    ...(resume === undefined ? [] : ['--resume', ...(resume === true ? [] : [resume])]),
    ...(prompt === undefined ? [] : ['--prompt-interactive', prompt]),
  ],
  environment: () => ({}),
  settings: () => [],
  continuesByItself: true,
  newestSession: () => undefined,
};
