import type { AgentTool } from './tool.ts';

/** Gemini CLI. It keeps one conversation a project and finds it again by itself. */
export const gemini: AgentTool = {
  name: 'gemini',
  stateDirectories: ['.gemini'],
  hostFiles: ['.gemini/oauth_creds.json', '.gemini/google_accounts.json', '.gemini/settings.json'],
  credentials: { files: ['.gemini/oauth_creds.json'], variables: ['GEMINI_API_KEY', 'GOOGLE_API_KEY'] },
  command: ({ binary = 'gemini', permissionMode, resume, prompt }) => [
    binary,
    ...(permissionMode === 'bypass' ? ['--yolo'] : []),
    ...(resume === undefined ? [] : ['--resume', resume === true ? 'latest' : resume]),
    ...(prompt === undefined ? [] : ['--prompt-interactive', prompt]),
  ],
  environment: () => ({}),
  // It asks whether the directory may be trusted, and how to log in, before it begins: seen with version 0.61.
  settings: ({ permissionMode, variables }) =>
    permissionMode === 'bypass'
      ? [
          {
            path: '.gemini/settings.json',
            keys: {
              security: {
                folderTrust: { enabled: false },
                ...(variables['GEMINI_API_KEY'] && { auth: { selectedType: 'gemini-api-key' } }),
              },
            },
          },
        ]
      : [],
  continuesByItself: true,
  newestSession: () => undefined,
};
