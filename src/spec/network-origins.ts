import type { Position } from '../base/problem.ts';
import type { KeyPath, TomlLocator } from './locate-toml.ts';
import type { SettingsLayer } from './schema/files.ts';

/** Where a value of the section `network` was written. */
export interface NetworkOrigin {
  readonly from: 'settings' | 'profile' | 'manifest';
  /** As it was written. */
  readonly value: unknown;
  readonly position: Position;
}

/** Values of the section `network` by key: `mode`, `logging.path`. What nobody wrote is left out. */
export type NetworkOrigins = Readonly<Record<string, NetworkOrigin>>;

/** Where the values of the settings files were written: those of the host, and those of each profile. */
export interface SettingsOrigins {
  readonly network: NetworkOrigins;
  readonly profiles: Readonly<Record<string, NetworkOrigins>>;
}

/** What a section is read from. */
export interface SectionPlace {
  readonly from: NetworkOrigin['from'];
  readonly file: string;
  readonly locator: TomlLocator;
  /** Path of the section `network` in the file. */
  readonly path: KeyPath;
}

/** Where one file wrote the values of one section `network`. */
export function networkOrigins(section: object | undefined, place: SectionPlace): NetworkOrigins {
  const { from, file, locator, path } = place;
  const origins: Record<string, NetworkOrigin> = {};
  for (const [key, value] of Object.entries(section ?? {})) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const below = networkOrigins(value as object, { ...place, path: [...path, key] });
      for (const [name, origin] of Object.entries(below)) origins[`${key}.${name}`] = origin;
    } else {
      origins[key] = { from, value, position: { file, line: locator.nearest([...path, key]).key.line } };
    }
  }
  return origins;
}

/** Where one settings file wrote what concerns networks. */
export function settingsOrigins(layer: SettingsLayer, file: string, locator: TomlLocator): SettingsOrigins {
  const profiles = Object.entries(layer.profiles ?? {}).map(([name, { network }]) => {
    const path = ['profiles', name, 'network'];
    return [name, networkOrigins(network, { from: 'profile', file, locator, path })] as const;
  });
  return {
    network: networkOrigins(layer.network, { from: 'settings', file, locator, path: ['network'] }),
    profiles: Object.fromEntries(profiles),
  };
}

/** Lay the origins of settings files over each other, lowest first, as `mergeSettings` does with the values. */
export function mergeOrigins(all: readonly SettingsOrigins[]): SettingsOrigins {
  return {
    network: Object.assign({}, ...all.map(({ network }) => network)) as NetworkOrigins,
    profiles: Object.assign({}, ...all.map(({ profiles }) => profiles)) as SettingsOrigins['profiles'],
  };
}
