import { usualDomains } from './agent-hosts.ts';
import type { ProfileLayer, SettingsLayer } from './schema/files.ts';
import type { SandboxLayer } from './schema/sandbox.ts';

type Table = Readonly<Record<string, unknown>>;

/** Lists that every layer adds to; all others are replaced. */
const appended = new Set(['mounts.default', 'security.additional_protected_paths']);

/** Switches that a higher layer can turn on but not off. */
const onlyTurnedOn = new Set(['incus.disable_shift', 'security.disable_protection', 'paths.preserve_workspace_path']);

/** Lay settings files over each other, lowest first. Profiles replace those of the same name as a whole. */
export function mergeSettings(layers: readonly SettingsLayer[]): SettingsLayer {
  return merge(layers);
}

/**
 * What the host itself adds to the built-in values: the lowest layer.
 *
 * @param registries entries for `allowed_domains` of the package registries that the host uses
 */
export function hostLayer(registries: readonly string[]): SettingsLayer {
  return { network: { allowed_domains: usualDomains(registries) } };
}

/** Lay what several layers say about a sandbox over each other, lowest first. */
export function mergeSandbox(layers: readonly SandboxLayer[]): SandboxLayer {
  return merge(layers);
}

/** What settings say about every sandbox. */
function sandboxLayerOf(settings: SettingsLayer): SandboxLayer {
  const { defaults = {}, tool, network, limits, snapshots, incus, mounts, git, security, monitoring } = settings;
  const { image, persistent } = defaults;
  const olderTool = olderNames(defaults);
  const { code_uid, claude_uid, code_user, disable_shift } = incus ?? {};
  return dropUndefined({
    image,
    persistent,
    tool: olderTool ? mergeTables(olderTool, tool ?? {}, 'tool') : tool,
    network,
    limits,
    snapshots,
    git,
    security,
    monitoring,
    paths: preserved(settings),
    mounts: mounts?.default && Object.fromEntries(mounts.default.map(({ container, ...mount }) => [container, mount])),
    incus: dropUndefined({ code_uid, claude_uid, code_user, disable_shift }),
  });
}

/** What older names of the agent's settings say. */
function olderNames({ model, mount_claude_config: files }: NonNullable<SettingsLayer['defaults']>): Table | undefined {
  if (model === undefined && files === undefined) return undefined;
  return dropUndefined({ claude: model === undefined ? undefined : { model }, host_files: files });
}

/** The other keys of that section are about places of the user's. */
function preserved({ paths }: SettingsLayer): SandboxLayer['paths'] {
  return paths?.preserve_workspace_path === undefined
    ? undefined
    : { preserve_workspace_path: paths.preserve_workspace_path };
}

/** What the layers of the command line are, above the settings files. */
export interface CommandLineLayers {
  /** The settings files merged: /etc, the user's, the project's, the one that `COI_CONFIG` names. */
  readonly settings: SettingsLayer;
  readonly environment?: SandboxLayer;
  readonly profile?: ProfileLayer;
  readonly flags?: SandboxLayer;
}

/** The layers of a sandbox that the command line makes, lowest first, above the built-in values. */
export function commandLineLayers({ settings, environment, profile, flags }: CommandLineLayers): SandboxLayer[] {
  return [sandboxLayerOf(settings), environment, profile && profileLayer(profile), flags].filter(
    (layer) => layer !== undefined,
  );
}

/**
 * The variables of what runs in a session, lowest layer first: those of the terminal, of the profile, of `--env`.
 *
 * They are no part of the sandbox: they may be secrets, which no manifest holds.
 */
export function sessionVariables(layers: {
  readonly terminal?: Readonly<Record<string, string>> | undefined;
  readonly profile: ProfileLayer | undefined;
  readonly flags: Readonly<Record<string, string>>;
}): Readonly<Record<string, string>> {
  return { ...layers.terminal, ...layers.profile?.environment, ...layers.flags };
}

/** The layers of a sandbox that a file in a directory declares, lowest first, above the built-in values. */
export function manifestLayers(layers: {
  readonly settings: SettingsLayer;
  readonly profile: ProfileLayer | undefined;
  readonly manifest: SandboxLayer;
}): SandboxLayer[] {
  const { settings, profile, manifest } = layers;
  return [sandboxLayerOf(settings), ...(profile ? [profileLayer(profile)] : []), manifest];
}

function profileLayer({ image, persistent, tool, network, limits }: ProfileLayer): SandboxLayer {
  return dropUndefined({ image, persistent, tool, network, limits });
}

function merge<Layer extends object>(layers: readonly Layer[]): Layer {
  return layers.reduce<Table>(
    (lower, higher) => mergeTables(lower, withoutAliases(higher as Table), ''),
    {},
  ) as unknown as Layer;
}

/** Who is named last runs: a command below a name, or a name below a command, no longer counts. */
function withoutRival(lower: Table, higher: Table): Table {
  if (higher['command'] !== undefined) return { ...lower, name: undefined };
  return higher['name'] === undefined ? lower : { ...lower, command: undefined };
}

function mergeTables(lower: Table, higher: Table, path: string): Table {
  const merged: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(higher)) {
    if (value === undefined) continue;
    merged[key] = mergeValues(merged[key], value, path === '' ? key : `${path}.${key}`);
  }
  return merged;
}

/** Tables are merged, but profiles and mounts replace each other: half of one and half of another is neither. */
function mergeValues(lower: unknown, higher: unknown, path: string): unknown {
  if (appended.has(path) && Array.isArray(lower) && Array.isArray(higher)) return [...lower, ...higher];
  if (onlyTurnedOn.has(path)) return lower === true || higher === true;
  if (path === 'tool' && isTable(lower) && isTable(higher))
    return mergeTables(withoutRival(lower, higher), higher, path);
  const isWhole = /^(?:profiles|mounts)\../.test(path);
  return isTable(lower) && isTable(higher) && !isWhole ? mergeTables(lower, higher, path) : higher;
}

/** `claude_uid` is the older name of `code_uid`: renamed before layers meet, so that the higher layer wins. */
function withoutAliases(layer: Table): Table {
  if (!isTable(layer['incus']) || layer['incus']['claude_uid'] === undefined) return layer;
  const { claude_uid, ...incus } = layer['incus'];
  return { ...layer, incus: { code_uid: claude_uid, ...incus } };
}

function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function dropUndefined(table: Table): Table {
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}
