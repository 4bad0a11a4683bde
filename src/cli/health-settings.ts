import { mergeSettings } from '../spec/layers.ts';
import { requireProfile } from '../spec/profile.ts';
import type { SettingsLayer } from '../spec/schema/files.ts';
import type { UsableSettings } from '../spec/settings.ts';
import type { ToolFlags } from './meant-tool.ts';

type ToolName = NonNullable<NonNullable<SettingsLayer['tool']>['name']>;

/**
 * Settings with what the command line lays over them.
 *
 * @throws {Problem} `spec.profile` when there is no such profile
 */
export function withFlags(seen: UsableSettings, { tool, profile }: ToolFlags): UsableSettings {
  // Unknown agents are named by the check for that.
  const above: SettingsLayer[] = tool === undefined ? [] : [{ tool: { name: tool as ToolName } }];
  const chosen = requireProfile(profile, seen.settings.layer);
  if (chosen) {
    const { environment: _environment, image, persistent, ...sections } = chosen;
    const defaults = { ...(image !== undefined && { image }), ...(persistent !== undefined && { persistent }) };
    above.unshift({ ...sections, defaults });
  }
  if (above.length === 0) return seen;
  return { ...seen, settings: { ...seen.settings, layer: mergeSettings([seen.settings.layer, ...above]) } };
}
