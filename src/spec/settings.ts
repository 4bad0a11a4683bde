import { Problem } from '../base/problem.ts';
import type { FirewallKind } from '../network/firewall-kind.ts';
import { checkData } from './check-data.ts';
import { builtIn } from './defaults.ts';
import { commandLineLayers, mergeSandbox, mergeSettings } from './layers.ts';
import type { KeyPath } from './locate-toml.ts';
import { mergeOrigins, settingsOrigins, type SettingsOrigins } from './network-origins.ts';
import { parseToml } from './parse-toml.ts';
import type { ToolName } from './sandbox.ts';
import { settingsFileSchema, type ProfileLayer, type SettingsLayer } from './schema/files.ts';

/** Settings of the host with every default filled in. */
export interface Settings {
  readonly incus: { readonly project: string; readonly group: string; readonly storagePool: string };
  readonly health: { readonly reach: string; readonly private: readonly string[] };
  /** How many versions of an image stay, and what one that is built may reach. */
  readonly images: { readonly keep: number; readonly network: 'open' | 'restricted' };
  /** Who is told of what was detected. */
  readonly notifications: {
    /** Where it is posted; undefined: nowhere. */
    readonly webhook: string | undefined;
    /** File with a header that goes along. */
    readonly webhookHeaderFile: string | undefined;
    /** The least that is told. */
    readonly level: 'info' | 'warning' | 'high' | 'critical';
    readonly desktop: boolean;
  };
  readonly controller: {
    /** Directories that are read for manifests. */
    readonly sources: readonly string[];
    readonly stateDir: string;
    readonly runDir: string;
    /** Host and port of /metrics; undefined when only the socket serves them. */
    readonly metricsListen: { readonly host: string; readonly port: number } | undefined;
    /** How many sandboxes are worked on at the same time. */
    readonly workers: number;
    readonly bridge: string;
    readonly firewall: FirewallKind;
  };
  /** What the files say as they were written: the layers below every sandbox, and the profiles. */
  readonly layer: SettingsLayer;
  /** Where the files say what concerns networks. */
  readonly origins?: SettingsOrigins;
}

/** What settings files say. */
export interface ParsedSettings {
  readonly settings: Settings;
  /** Keys that nobody knows, and those that have no effect yet: shown, and otherwise left alone. */
  readonly warnings: readonly Problem[];
  /** What makes the files unusable. A file with problems adds nothing to `settings`. */
  readonly problems: readonly Problem[];
}

/** Settings as far as they can be used, and why the rest cannot. */
export interface UsableSettings extends ParsedSettings {
  /** Those that were read, lowest layer first. */
  readonly files: readonly string[];
}

/** Name of the agent that settings name, and a profile of theirs above them. */
export function usualTool(settings: SettingsLayer, profile?: ProfileLayer): ToolName {
  const { tool } = mergeSandbox(commandLineLayers({ settings, ...(profile && { profile }) }));
  return tool?.name ?? builtIn.tool.name;
}

/**
 * Read settings files, lowest layer first, and lay them over each other and over the built-in values.
 *
 * @param files those that exist; a file that does not is no problem and is left out by the caller
 */
export function parseSettings(files: readonly { readonly file: string; readonly text: string }[]): ParsedSettings {
  const parsed = files.map(({ file, text }) => parseSettingsFile(file, text));
  return {
    settings: {
      ...resolveSettings(mergeSettings(parsed.map(({ layer }) => layer))),
      origins: mergeOrigins(parsed.flatMap(({ origins }) => origins ?? [])),
    },
    warnings: parsed.flatMap(({ warnings }) => warnings),
    problems: parsed.flatMap(({ problems }) => problems),
  };
}

/** Fill in every default. */
export function resolveSettings(layer: SettingsLayer): Settings {
  const { controller = {}, health = {}, images = {}, notifications = {} } = layer;
  return {
    incus: resolveIncus(layer.incus ?? {}),
    health: { reach: health.reach ?? builtIn.health.reach, private: health.private ?? builtIn.health.private },
    images: { keep: images.keep ?? builtIn.images.keep, network: images.network ?? builtIn.images.network },
    notifications: resolveNotifications(notifications),
    controller: resolveController(controller),
    layer,
  };
}

function resolveIncus(section: NonNullable<SettingsLayer['incus']>): Settings['incus'] {
  return {
    project: section.project ?? builtIn.incus.project,
    group: section.group ?? builtIn.incus.group,
    storagePool: section.storage_pool ?? builtIn.incus.storagePool,
  };
}

function resolveNotifications(section: NonNullable<SettingsLayer['notifications']>): Settings['notifications'] {
  const { notifications: usual } = builtIn;
  return {
    webhook: (section.webhook ?? usual.webhook) || undefined,
    webhookHeaderFile: (section.webhook_header_file ?? usual.webhookHeaderFile) || undefined,
    level: section.level ?? usual.level,
    desktop: section.desktop ?? usual.desktop,
  };
}

function resolveController(section: NonNullable<SettingsLayer['controller']>): Settings['controller'] {
  return {
    sources: section.sources ?? builtIn.controller.sources,
    stateDir: section.state_dir ?? builtIn.controller.stateDir,
    runDir: section.run_dir ?? builtIn.controller.runDir,
    metricsListen: splitAddress(section.metrics_listen ?? builtIn.controller.metricsListen),
    workers: section.workers ?? builtIn.controller.workers,
    bridge: section.bridge ?? builtIn.controller.bridge,
    firewall: section.firewall ?? builtIn.controller.firewall,
  };
}

interface ParsedLayer {
  readonly layer: SettingsLayer;
  readonly origins?: SettingsOrigins;
  readonly warnings: readonly Problem[];
  readonly problems: readonly Problem[];
}

function parseSettingsFile(file: string, text: string): ParsedLayer {
  const document = parseToml(file, text);
  if (document instanceof Problem) return { layer: {}, warnings: [], problems: [document] };
  const found = checkData({ schema: settingsFileSchema, data: document.data, file, locator: document.locator });
  const ignored = found.filter(({ problem }) => problem.code === ignoredCode);
  const problems = found.filter((entry) => !ignored.includes(entry)).map(({ problem }) => problem);
  const used = ignored.reduce<unknown>((data, { path }) => withoutKey(data, path), document.data);
  const layer = problems.length === 0 ? (used as SettingsLayer) : {};
  return {
    layer,
    origins: settingsOrigins(layer, file, document.locator),
    warnings: ignored.map(({ problem }) => problem),
    problems,
  };
}

/** Settings may be newer than this version: what it does not know stops nobody. */
const ignoredCode = 'spec.unknown-key';

/** Without one key, which stands in tables and lists of tables. */
function withoutKey(data: unknown, [key, ...below]: KeyPath): unknown {
  if (Array.isArray(data)) {
    return data.map((each: unknown, index) => (index === key ? withoutKey(each, below) : each));
  }
  const table = data as Record<string, unknown>;
  if (below.length > 0) return { ...table, [key!]: withoutKey(table[key!], below) };
  return Object.fromEntries(Object.entries(table).filter(([name]) => name !== key));
}

/** Host and port of `127.0.0.1:9477`, `[::1]:9477` or `localhost:9477`. */
export function splitAddress(address: string): Settings['controller']['metricsListen'] {
  if (address === '') return undefined;
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replaceAll(/[[\]]/g, ''), port: Number(address.slice(colon + 1)) };
}
