import { describe, expect, it } from 'vitest';
import { agentTools, findTool } from '../../../src/session/tools/find-tool.ts';
import type { LaunchOptions, StateFile } from '../../../src/session/tools/tool.ts';

const sessionId = '0b9f1f2e-5c0a-4a53-9a53-6a3d1c0b7e11';
const options: LaunchOptions = { permissionMode: 'bypass', sessionId, workspace: '/workspace' };
const launched = (name: string, change: Partial<LaunchOptions> = {}) =>
  findTool(name).command({ ...options, ...change });

describe('the command of a tool', () => {
  it.each([
    ['claude', {}, ['claude', '--verbose', '--permission-mode', 'bypassPermissions', '--session-id', sessionId]],
    ['claude', { permissionMode: 'interactive' }, ['claude', '--verbose', '--session-id', sessionId]],
    ['claude', { permissionMode: 'interactive', resume: 'abc' }, ['claude', '--verbose', '--resume', 'abc']],
    ['claude', { permissionMode: 'interactive', resume: true }, ['claude', '--verbose', '--continue']],
    [
      'claude',
      { permissionMode: 'interactive', model: 'opus', prompt: 'go' },
      ['claude', '--verbose', '--model', 'opus', '--session-id', sessionId, '--', 'go'],
    ],
    ['opencode', {}, ['opencode']],
    ['opencode', { resume: true }, ['opencode', '--continue']],
    ['opencode', { resume: 'ses_1' }, ['opencode', '--session', 'ses_1']],
    ['codex', { resume: true }, ['codex', 'resume', '--last', '--dangerously-bypass-approvals-and-sandbox']],
    ['codex', { permissionMode: 'interactive' }, ['codex']],
    ['gemini', {}, ['gemini', '--yolo']],
    ['gemini', { resume: true }, ['gemini', '--yolo', '--resume', 'latest']],
    ['aider', { resume: true }, ['aider', '--yes-always', '--restore-chat-history']],
  ] as const)('%s with %j', (name, change, command) => {
    expect(launched(name, change)).toEqual(command);
  });

  it.each(agentTools)('of $name starts another binary, and hands a prompt over as one word', ({ name }) => {
    const prompt = '--help; rm -rf "$HOME" `id`\nnext line';
    const [program, ...rest] = launched(name, { binary: '/opt/agent', prompt });
    expect(program).toBe('/opt/agent');
    expect(rest.filter((word) => word === prompt)).toHaveLength(1);
    // Behind a flag that takes it, or behind the end of flags: it is never read as a flag itself.
    expect(rest.at(-2)).toMatch(/^--(?:prompt|prompt-interactive|message)?$/);
  });

  it('is refused for a tool that nobody knows, with those that there are', () => {
    expect(() => findTool('clade')).toThrow(
      expect.objectContaining({ code: 'tool.unknown', hint: expect.stringContaining('claude, opencode, aider') }),
    );
  });
});

describe('the settings of a tool', () => {
  const input = { ...options, variables: {} };

  it('answer what claude asks before it begins, unless a person is to be asked', () => {
    const variables = { ANTHROPIC_API_KEY: 'sk-ant-0123456789abcdefghijklmnop' };
    const asked = findTool('claude').settings({ ...input, variables, workspace: '/srv/w' })[1];
    expect(asked).toMatchObject({
      path: '.claude.json',
      keys: {
        hasCompletedOnboarding: true,
        projects: { '/srv/w': { hasTrustDialogAccepted: true } },
        customApiKeyResponses: { approved: ['6789abcdefghijklmnop'] },
      },
    });
    const interactive = { ...input, variables, permissionMode: 'interactive', effort: 'low' } as const;
    expect(findTool('claude').settings(interactive)[1]?.keys).toEqual({ effortLevel: 'low' });
  });

  it('answer what gemini asks before it begins', () => {
    const { settings } = findTool('gemini');
    expect(settings(input)).toEqual([
      { path: '.gemini/settings.json', keys: { security: { folderTrust: { enabled: false } } } },
    ]);
    expect(settings({ ...input, variables: { GEMINI_API_KEY: 'k' } })[0]?.keys).toMatchObject({
      security: { auth: { selectedType: 'gemini-api-key' } },
    });
    expect(settings({ ...input, permissionMode: 'interactive' })).toEqual([]);
  });

  it('let claude act without asking only where that is wanted', () => {
    const { settings, environment } = findTool('claude');
    expect(settings(input).map(({ path }) => path)).toEqual(['.claude/settings.json', '.claude.json']);
    expect(settings(input)[0]?.keys).toMatchObject({ permissions: { defaultMode: 'bypassPermissions' } });
    expect(settings({ ...input, permissionMode: 'interactive' })).toEqual([]);
    expect(environment({ ...options, effort: 'high' })).toEqual({ CLAUDE_CODE_EFFORT_LEVEL: 'high' });
  });

  it('let opencode ask or not, and keep its data, logins among them, out of the workspace', () => {
    const { settings, environment } = findTool('opencode');
    expect(settings(input)[0]?.keys).toEqual({ permission: { '*': 'allow' } });
    expect(settings({ ...input, permissionMode: 'interactive' })[0]?.keys).toEqual({ permission: { '*': 'ask' } });
    expect(JSON.stringify(environment({ ...options, workspace: '/srv/w' }))).not.toContain('/srv/w');
    const { stateDirectories, credentials } = findTool('opencode');
    for (const path of credentials.files) expect(stateDirectories.some((each) => path.startsWith(each))).toBe(true);
  });
});

describe('the newest conversation', () => {
  const file = (path: string, modifiedAt: number): StateFile => ({ path, modifiedAt });
  const [old, recent] = ['ffffffff-0000-4000-8000-000000000000', '00000000-0000-4000-8000-000000000001'];

  it('of claude is told by time, not by the alphabet, and by its own workspace', () => {
    const { newestSession } = findTool('claude');
    const files = [
      file(`.claude/projects/-workspace/${old}.jsonl`, 1_000),
      file(`.claude/projects/-workspace/${recent}.jsonl`, 2_000),
      file(`.claude/projects/-srv-my-app/${old}.jsonl`, 3_000),
      file('.claude/projects/-workspace/agent-x.jsonl', 4_000),
    ];
    expect(newestSession(files, '/workspace')).toBe(recent);
    expect(newestSession(files, '/srv/my.app')).toBe(old);
    expect(newestSession(files, '/elsewhere')).toBeUndefined();
  });

  it('of the others is found where they keep it', () => {
    const rollout = `.codex/sessions/2026/11/21/rollout-2026-11-21T10-00-00-${recent}.jsonl`;
    expect(findTool('codex').newestSession([file(rollout, 1)], '/workspace')).toBe(recent);
    const session = '.local/share/opencode/storage/session/p1/ses_abc.json';
    expect(findTool('opencode').newestSession([file(session, 1)], '/workspace')).toBe('ses_abc');
    expect(findTool('aider').newestSession([file(session, 1)], '/workspace')).toBeUndefined();
  });
});

it('no tool takes more of a home directory than files by name', () => {
  for (const { hostFiles, credentials } of agentTools) {
    for (const path of hostFiles) expect(path).toMatch(/^\.[A-Za-z][\w./-]*\.(?:json|toml|yml)$/);
    expect(hostFiles).toEqual(expect.arrayContaining([...credentials.files]));
    expect(credentials.files.length + credentials.variables.length).toBeGreaterThan(0);
  }
});
