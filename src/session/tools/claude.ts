import { readClaudeSettings } from '../bedrock/bedrock-switch.ts';
import { literally, newestMatch } from './newest.ts';
import type { AgentTool, JsonTable, LaunchOptions, SettingsInput } from './tool.ts';

/** Claude Code. Its conversations are `.claude/projects/DIRECTORY/UUID.jsonl`. */
export const claude: AgentTool = {
  name: 'claude',
  stateDirectories: ['.claude'],
  hostFiles: ['.claude/.credentials.json', '.claude/config.yml', '.claude/settings.json', '.claude.json'],
  credentials: {
    files: ['.claude/.credentials.json'],
    variables: ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'CLAUDE_CODE_USE_BEDROCK'],
  },
  ownVariables: { path: '.claude/settings.json', read: (text) => readClaudeSettings(text).env },
  command: ({ binary = 'claude', permissionMode, model, sessionId, resume, prompt }) => [
    binary,
    '--verbose',
    ...(permissionMode === 'bypass' ? ['--permission-mode', 'bypassPermissions'] : []),
    ...(model === undefined ? [] : ['--model', model]),
    ...(resume === undefined ? ['--session-id', sessionId] : resume === true ? ['--continue'] : ['--resume', resume]),
    ...(prompt === undefined ? [] : ['--', prompt]),
  ],
  environment: ({ effort }) => (effort ? { CLAUDE_CODE_EFFORT_LEVEL: effort } : {}),
  settings: (input) => {
    const keys = settingsOf(input);
    return Object.keys(keys).length === 0
      ? []
      : [
          { path: '.claude/settings.json', keys },
          { path: '.claude.json', keys: { ...keys, ...answersOf(input) } },
        ];
  },
  continuesByItself: false,
  newestSession: (files, workspace) => newestMatch(files, conversationsIn(workspace)),
};

function settingsOf({ permissionMode, effort }: LaunchOptions): JsonTable {
  return {
    ...(permissionMode === 'bypass' && {
      allowDangerouslySkipPermissions: true,
      bypassPermissionsModeAccepted: true,
      permissions: { defaultMode: 'bypassPermissions' },
    }),
    ...(effort && { effortLevel: effort }),
  };
}

/**
 * What it asks before it begins, seen with version 2.1: a theme, whether the workspace may be trusted, and whether a key in
 * its environment is to be used, which it knows by its last 20 characters.
 */
function answersOf({ permissionMode, workspace, variables }: SettingsInput): JsonTable {
  const key = variables['ANTHROPIC_API_KEY'];
  if (permissionMode !== 'bypass') return {};
  return {
    hasCompletedOnboarding: true,
    projects: { [workspace]: { hasTrustDialogAccepted: true } },
    ...(key && { customApiKeyResponses: { approved: [key.slice(-20)] } }),
  };
}

/** The directory of a project is its path with everything but letters and digits turned into dashes. */
function conversationsIn(workspace: string): RegExp {
  const directory = workspace.replaceAll(/[^A-Za-z0-9]/g, '-');
  return new RegExp(`^\\.claude/projects/${literally(directory)}/(?<id>[0-9a-f-]{36})\\.jsonl$`);
}
