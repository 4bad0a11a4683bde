import { Problem } from '../base/problem.ts';
import type { HealthSettings } from '../health/sight.ts';
import { builtIn } from '../spec/defaults.ts';
import { parseSettings, type Settings } from '../spec/settings.ts';
import type { Io } from './io.ts';
import { readHostSettings } from './settings.ts';
import { readSettingsFiles } from './settings-files.ts';

/** The settings of this host, and what checks ask about them; built-in values where they cannot be used. */
export async function healthSettings(io: Io): Promise<{ readonly settings: Settings; readonly asked: HealthSettings }> {
  try {
    const files = (await readSettingsFiles(io, true)).map(({ file }) => file);
    const settings = await readHostSettings(io);
    return { settings, asked: askedOf(settings, files) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { settings } = parseSettings([]);
    return { settings, asked: { ...askedOf(settings, []), problem: error } };
  }
}

function askedOf({ layer, incus }: Settings, files: readonly string[]): HealthSettings {
  const { defaults = {}, tool = {}, network = {} } = layer;
  return {
    image: defaults.image ?? builtIn.image,
    storagePool: incus.storagePool,
    group: incus.group,
    networkMode: network.mode ?? builtIn.network.mode,
    ...(tool.command === undefined && { agent: tool.name ?? builtIn.tool.name }),
    files,
  };
}
