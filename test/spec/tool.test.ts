import { describe, expect, it } from 'vitest';
import { manifestLayers, mergeSandbox } from '../../src/spec/layers.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import { renderManifest } from '../../src/spec/render-manifest.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import { agentTools } from '../../src/session/tools/find-tool.ts';
import { toolNames } from '../../src/spec/defaults.ts';
import { hasAgent, type Sandbox } from '../../src/spec/sandbox.ts';
import type { SettingsLayer } from '../../src/spec/schema/files.ts';
import type { SandboxLayer } from '../../src/spec/schema/sandbox.ts';

function resolved(...layers: SandboxLayer[]): Sandbox {
  return resolveSandbox({ layers, home: '/home/u', session: false });
}

describe('the tool of a sandbox', () => {
  it('is nobody unless somebody is named or has something to do', () => {
    expect(resolved({}).tool).toEqual({});
    expect(hasAgent(resolved({ tool: { permission_mode: 'interactive' } }))).toBe(false);
    expect(resolved({ prompt: 'do' }).tool).toEqual({ name: 'claude', permissionMode: 'bypass', effort: 'medium' });
    expect(resolved({ tool: { name: 'codex', binary: '' } }).tool).toEqual({ name: 'codex', permissionMode: 'bypass' });
    expect(resolveSandbox({ layers: [{}], home: '/', session: true, agent: true }).tool.name).toBe('claude');
  });

  it('is whoever is named last: a command or an agent', () => {
    const command: SandboxLayer = { tool: { command: ['run'] } };
    const named: SandboxLayer = { tool: { name: 'aider' } };
    expect(resolved(command, named).tool.name).toBe('aider');
    expect(resolved(named, command).tool).toEqual({ command: ['run'] });
    expect(resolved(named, { tool: { binary: 'b' } }).tool).toMatchObject({ name: 'aider', binary: 'b' });
    expect(mergeSandbox([command, { tool: { binary: 'b' } }]).tool).toEqual({ command: ['run'], binary: 'b' });
  });

  it('takes older names from [defaults], below its own', () => {
    const layersOf = (settings: SettingsLayer) =>
      resolved(...manifestLayers({ settings, profile: undefined, manifest: {} }));
    const older = { model: 'old', mount_claude_config: false };
    expect(layersOf({ defaults: older, tool: { name: 'claude' } }).tool).toMatchObject({
      model: 'old',
      hostFiles: false,
    });
    const newer: SettingsLayer = {
      defaults: older,
      tool: { name: 'claude', claude: { model: 'new' }, host_files: true },
    };
    expect(layersOf(newer).tool).toEqual({ name: 'claude', permissionMode: 'bypass', effort: 'medium', model: 'new' });
    expect(layersOf({ defaults: older, tool: { command: ['run'] } }).tool).toEqual({ command: ['run'] });
    expect(layersOf({ defaults: older }).tool).toEqual({});
    expect(layersOf({ defaults: older, tool: { name: 'codex' } }).tool).not.toHaveProperty('model');
  });

  it('reads back from a session manifest as it was written', () => {
    const tool: SandboxLayer = {
      tool: {
        name: 'claude',
        permission_mode: 'interactive',
        binary: '/opt/claude',
        claude: { model: 'm' },
        host_files: false,
      },
    };
    const session = { id: 'a-b', resumes: true, environment: '0'.repeat(26), direct: true } as const;
    const sandbox: Sandbox = { ...resolved(tool), restart: 'never', session };
    const names = { name: '01234567-1', instance: 'coi-01234567-1' };
    const text = renderManifest({ ...names, sandbox });
    const read = parseManifestFile({ file: 'f', text, source: 's', home: '/h', uid: 7, settings: {}, kind: 'session' });
    expect(read.problems).toEqual([]);
    expect(read.manifests[0]).toMatchObject({ ...names, sandbox, owner: { uid: 7, home: '/h' } });
    expect(hasAgent(sandbox)).toBe(false);
  });

  it('has a name that manifests and agents agree on', () => {
    expect(agentTools.map(({ name }) => name)).toEqual([...toolNames]);
  });
});
