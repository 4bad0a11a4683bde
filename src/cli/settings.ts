import { stringify } from 'smol-toml';
import { Problem, ProblemList } from '../base/problem.ts';
import { hostLayer, mergeSettings } from '../spec/layers.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import { parseSettings, type ParsedSettings, type Settings, type UsableSettings } from '../spec/settings.ts';
import type { Io } from './io.ts';
import { readProjectFile, type ProjectFile } from './project-file.ts';
import { readSettingsFiles, type FoundSettings, type SettingsFile } from './settings-files.ts';
import { warn } from './warn.ts';

/** What a command line says about the controller, by the keys of the settings file; what it does not say is undefined. */
export interface ControllerFlags {
  readonly sources?: readonly string[] | undefined;
  readonly workers?: number | undefined;
  readonly metrics_listen?: string | undefined;
  readonly state_dir?: string | undefined;
  readonly run_dir?: string | undefined;
}

/**
 * Settings as this command sees them: files, then `COI_STATE_DIR` and `COI_RUN_DIR`, then flags; all held to the same rules.
 * Keys that nobody knows, or that have no effect yet, are mentioned on stderr, once.
 *
 * @throws {ProblemList} when any of them cannot be used
 */
export async function readSettings(io: Io, flags: ControllerFlags = {}): Promise<Settings> {
  return settingsFrom(io, await readSettingsFiles(io), flags);
}

/**
 * Settings as the controller would see them, whoever asks: a user's own file would make manifests mean something else.
 *
 * @throws {ProblemList} when any of them cannot be used
 */
export async function readHostSettings(io: Io): Promise<Settings> {
  return settingsFrom(io, await readSettingsFiles(io, { scope: 'host' }), {});
}

/**
 * For whoever must go on all the same: a file with problems adds nothing, and where files cannot be read, none does.
 *
 * @param isHost whether to read what the controller would, whoever asks, in place of what a session starts from
 */
export async function readUsableSettings(io: Io, isHost: boolean): Promise<UsableSettings> {
  try {
    const { files, warnings } = await readSettingsFiles(io, { scope: isHost ? 'host' : 'session' });
    const parsed = parseLayers(io, files, {});
    return { ...parsed, warnings: [...warnings, ...parsed.warnings], files: files.map(({ file }) => file) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { settings } = parseLayers(io, [], {});
    return { settings, warnings: [], problems: [error], files: [] };
  }
}

/** Settings for a session, and what of them is the project's. */
export interface SessionSettings {
  readonly settings: Settings;
  /** Unless there is none: nobody has judged it yet. */
  readonly project?: ProjectPart;
}

/** What a project says by itself. */
export interface ProjectPart {
  readonly file: ProjectFile;
  readonly layer: SettingsLayer;
  /** All settings, with something else in the place of the project's file. */
  readonly settingsWith: (project: SettingsLayer) => Settings;
}

/**
 * Settings for a session in a workspace: also what the project says by itself. Without a workspace there is none.
 *
 * @throws {ProblemList} when any of them cannot be used
 */
export async function readSessionSettings(io: Io, workspace: string | undefined): Promise<SessionSettings> {
  const file = workspace === undefined ? undefined : await readProjectFile(workspace);
  const found = await readSettingsFiles(io, { scope: 'session', project: file ? [file] : [] });
  const settings = settingsFrom(io, found, {});
  if (!file) return { settings };
  const { files } = found;
  const layerOf = (part: readonly SettingsFile[]) => parseSettings(part).settings.layer;
  const at = files.indexOf(file);
  const [below, above] = [layerOf(files.slice(0, at)), layerOf(files.slice(at + 1))];
  const settingsWith = (project: SettingsLayer) => ({ ...settings, layer: mergeSettings([below, project, above]) });
  return { settings, project: { file, layer: layerOf([file]), settingsWith } };
}

/**
 * The same settings above what the host itself adds: for whoever reads manifests. The host's configuration is root's, whoever
 * asks. What of it cannot be read is mentioned on stderr, and left out.
 */
export async function withHostLayer(settings: Settings, io: Io): Promise<Settings> {
  const { env, signal } = io;
  const { homeOf } = await import('../source/homes.ts');
  const { readRegistries } = await import('../host/registries/read-registries.ts');
  const { entries, warnings } = await readRegistries({ env, home: await homeOf(0), signal });
  warn(io, warnings);
  return { ...settings, layer: mergeSettings([hostLayer(entries), settings.layer]) };
}

function parseLayers({ env }: Io, files: readonly SettingsFile[], flags: ControllerFlags): ParsedSettings {
  const { COI_STATE_DIR: stateDir, COI_RUN_DIR: runDir } = env;
  return parseSettings([
    ...files,
    { file: 'environment', text: layerText({ state_dir: stateDir || undefined, run_dir: runDir || undefined }) },
    { file: 'command line', text: layerText(flags) },
  ]);
}

function settingsFrom(io: Io, found: FoundSettings, flags: ControllerFlags): Settings {
  const { settings, warnings, problems } = parseLayers(io, found.files, flags);
  warn(io, [...found.warnings, ...warnings]);
  if (problems.length > 0) throw new ProblemList(problems);
  return settings;
}

function layerText(controller: ControllerFlags): string {
  return stringify({ controller });
}
