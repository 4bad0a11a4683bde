import { Problem, type Position } from '../base/problem.ts';
import { nearest } from './nearest.ts';
import type { ProfileLayer, SettingsLayer } from './schema/files.ts';

/** The profile of a name; undefined without a name, and where the settings have none of it. */
export function profileNamed(
  name: string | undefined,
  { profiles = {} }: Pick<SettingsLayer, 'profiles'>,
): ProfileLayer | undefined {
  return name !== undefined && Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/**
 * What is wrong with a name that no profile has: `spec.profile`.
 *
 * @param position where it is asked for, unless that is on a command line
 */
export function unknownProfile(
  name: string,
  { profiles = {} }: Pick<SettingsLayer, 'profiles'>,
  position?: Position,
): Problem {
  const known = Object.keys(profiles);
  const meant = nearest(name, known);
  const others = known.length === 0 ? 'The settings have no profiles.' : `The settings have ${known.join(', ')}.`;
  return new Problem({
    code: 'spec.profile',
    message: `There is no profile "${name}"`,
    hint: meant ? `Did you mean "${meant}"?` : others,
    ...(position && { position }),
  });
}

/** @throws {Problem} `spec.profile` for a name that no profile has */
export function requireProfile(
  name: string | undefined,
  settings: Pick<SettingsLayer, 'profiles'>,
): ProfileLayer | undefined {
  const profile = profileNamed(name, settings);
  if (profile === undefined && name !== undefined) throw unknownProfile(name, settings);
  return profile;
}
