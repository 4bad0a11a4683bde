import { describe, expect, it } from 'vitest';
import { checkData } from '../../src/spec/check-data.ts';
import { imageFaults, resolveImage } from '../../src/spec/declared-image.ts';
import { namedDirectories } from '../../src/spec/environment.ts';
import { manifestLayers, mergeSandbox, sessionVariables } from '../../src/spec/layers.ts';
import { locateToml } from '../../src/spec/locate-toml.ts';
import { resolveSandbox } from '../../src/spec/resolve-sandbox.ts';
import type { ImageLayer } from '../../src/spec/schema/declared-image.ts';
import { manifestFileSchema, settingsFileSchema, type SettingsLayer } from '../../src/spec/schema/files.ts';
import { definitionOf, isUnbuilt, keysOf, type SchemaKey } from '../../src/spec/schema/walk.ts';
import { resolveSettings } from '../../src/spec/settings.ts';
import type { SandboxLayer } from '../../src/spec/schema/sandbox.ts';

/** A valid value that differs from the default, for keys whose schema does not give one away. */
const samples: Readonly<Record<string, unknown>> = {
  profile: 'p',
  workspace: '/srv/w',
  image: 'other',
  command: ['run'],
  prompt: 'do',
  count: '2',
  allowance: '50%',
  limit: '1GiB',
  swap: false,
  read: '1MiB',
  write: '2MiB',
  max: '3MiB',
  start: '0 9 * * *',
  stop: '0 18 * * *',
  schedule: '@daily',
  expiry: '7d',
  timezone: 'Europe/Warsaw',
  ttl: '1h',
  depends_on: ['b'],
  allowed_domains: ['example.com'],
  code_user: 'dev',
  path: '/srv/network.log',
  project: 'p',
  group: 'g',
  storage_pool: 's',
  sources: ['/s'],
  state_dir: '/s',
  run_dir: '/r',
  metrics_listen: '127.0.0.1:1',
  bridge: 'br0',
  default: [{ host: '/h', container: '/c' }],
  tmpfs_size: '1GiB',
  max_duration: '1h',
  additional_protected_paths: ['.envrc'],
  environment: { LANG: 'C' },
  sessions_dir: '~/s',
  storage_dir: '~/t',
  logs_dir: '/l',
  definition: 'other',
  script: '/s',
  base: 'other',
  keep: 7,
  webhook: 'https://example.com/hook',
  webhook_header_file: '/h',
};

/** A schedule is five fields there, and one name here. */
const imageSamples: Readonly<Record<string, unknown>> = { ...samples, schedule: '0 4 * * 1' };

function sampleOf({ path, schema, meta }: SchemaKey): unknown {
  const key = path.at(-1)!;
  if (key in samples) return samples[key];
  const { type, entries } = definitionOf(schema);
  if (type === 'boolean') return meta.default !== true;
  if (entries) return Object.values(entries).find((value) => value !== meta.default);
  if (type === 'number') return typeof meta.default === 'number' ? meta.default + 1 : 1;
  return type === 'array' ? [] : type === 'record' || type === 'object' ? {} : 'x';
}

function tableWith(path: readonly string[], value: unknown): Record<string, unknown> {
  const [key, ...below] = path;
  return { [key === '*' ? 'p' : key!]: below.length === 0 ? value : tableWith(below, value) };
}

const isRefused = (key: SchemaKey, all: readonly SchemaKey[]) =>
  all.some(({ path, schema }) => isUnbuilt(schema) && path.every((part, index) => key.path[index] === part));

/** Keys that mean something only beside others are tried beside those. */
function inItsMode(path: readonly string[]): SandboxLayer {
  if (['git', 'security', 'paths'].includes(path[0]!)) return { workspace: '/srv/w' };
  if (path[0] === 'mounts') return { mounts: { p: { host: '/h' } } };
  if (['auto_stop', 'stop_graceful'].includes(path.at(-1)!)) return { limits: { runtime: { max_duration: '2h' } } };
  if (['model', 'mount_claude_config'].includes(path.at(-1)!)) return { tool: { name: 'claude' } };
  if (path.includes('tool') && !['name', 'command'].includes(path.at(-1)!)) return { tool: { name: 'claude' } };
  const isListKey = ['allowed_domains', 'refresh_interval_minutes'].includes(path.at(-1)!);
  return isListKey ? { network: { mode: 'allowlist' } } : {};
}

/** The outcome for a sandbox, with a profile to choose and a schedule whose zone shows. */
function sandboxOutcome(manifest: SandboxLayer): unknown {
  const profile = manifest.profile === undefined ? undefined : { image: 'from-profile' };
  const withTimes = manifest.schedule ? { schedule: { start: '1 1 * * *', ...manifest.schedule } } : {};
  const layers = manifestLayers({ settings: {}, profile, manifest: { ...manifest, ...withTimes } });
  return resolveSandbox({ layers, home: '/home/u', session: false });
}

function settingsOutcome(layer: SettingsLayer, manifest: SandboxLayer): unknown {
  const { incus, health, images, notifications, controller } = resolveSettings(layer);
  const profile = layer.profiles?.['p'];
  const layers = manifestLayers({ settings: layer, profile, manifest });
  const variables = sessionVariables({ profile, flags: {} });
  const directories = namedDirectories(layer.paths ?? {}, {});
  return {
    incus,
    health,
    images,
    notifications,
    controller,
    variables,
    directories,
    sandbox: resolveSandbox({ layers, home: '/home/u', session: false }),
  };
}

const sandboxKeys = keysOf(definitionOf(manifestFileSchema.shape.sandbox).valueType!);
const imageKeys = keysOf(definitionOf(manifestFileSchema.shape.image).valueType!);
const settingsKeys = keysOf(settingsFileSchema);
const leaves = (keys: readonly SchemaKey[], refused: boolean) =>
  keys
    .filter((key) => isRefused(key, keys) === refused && (refused ? key.meta.unbuilt === true : key.leaf))
    .map((key) => ({ key, name: key.path.join('.') }));

describe('every key of a manifest has an effect', () => {
  it.each(leaves(sandboxKeys, false))('$name', ({ key }) => {
    const alone = tableWith(key.path, sampleOf(key)) as SandboxLayer;
    // A mount replaces one at the same path as a whole.
    const manifest = alone.mounts ? { mounts: { p: { host: '/h', ...alone.mounts['p'] } } } : alone;
    const base = key.path[0] === 'schedule' ? { schedule: {} } : inItsMode(key.path);
    expect(sandboxOutcome(mergeSandbox([base, manifest]))).not.toEqual(sandboxOutcome(base));
  });
});

describe('every key of an image has an effect', () => {
  it.each(leaves(imageKeys, false))('$name', ({ key }) => {
    const [name] = key.path as [keyof ImageLayer];
    const beside: ImageLayer =
      name === 'base' ? { script: '/s' } : name === 'timezone' ? { schedule: '0 5 * * *' } : {};
    const layer = { ...beside, [name]: imageSamples[name] };
    expect(imageFaults('i', layer)).toEqual([]);
    expect(resolveImage('i', layer, '/h')).not.toEqual(resolveImage('i', beside, '/h'));
  });
});

describe('every key of the settings has an effect', () => {
  it.each(leaves(settingsKeys, false))('$name', ({ key }) => {
    const layer = tableWith(key.path, sampleOf(key)) as SettingsLayer;
    const base = inItsMode(key.path);
    expect(settingsOutcome(layer, base)).not.toEqual(settingsOutcome({}, base));
  });
});

describe('a key whose feature is not there yet is refused', () => {
  const locator = locateToml('');
  it.each(leaves(sandboxKeys, true))('in a manifest: $name', ({ key, name }) => {
    const data = { apiVersion: 'coi/v1', sandbox: { a: tableWith(key.path, sampleOf(key)) } };
    const found = checkData({ schema: manifestFileSchema, data, file: 'f', locator });
    expect(found.map(({ problem }) => problem.message)).toEqual([`sandbox.a.${name} is not supported yet`]);
  });
});
