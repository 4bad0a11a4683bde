import type { Manifest, RunState } from '../spec/sandbox.ts';
import type { EffectiveState } from './effective-state.ts';
import type { Override } from './override.ts';
import type { Block } from './step.ts';
import { stalled, waiting } from './steps.ts';
import type { World } from './world.ts';

/** What a declared sandbox is to become. */
export interface Aim {
  readonly manifest: Manifest;
  readonly goal: EffectiveState;
  readonly overrides: readonly Override[];
}

/** A quarantined or frozen-by-command sandbox is never started just to be frozen; one that is declared frozen is. */
export function wantsStart(state: RunState, overrides: readonly Override[]): boolean {
  return state === 'running' || (state === 'frozen' && !overrides.some((override) => override.state === 'frozen'));
}

/** What stands in the way of creating or starting. Most lasting reasons first. */
export function obstacle(
  world: World,
  { manifest, start, creating }: { manifest: Manifest; start: boolean; creating: boolean },
): Block | undefined {
  if (creating && world.nameTaken) {
    const hint = `Rename the sandbox, remove the instance, or take it over with: coi adopt ${manifest.name}`;
    return stalled('ForeignOwner', world.nameTaken, hint);
  }
  const lacking = creating ? nothingToMakeFrom(world, manifest) : undefined;
  if (lacking) return lacking;
  if ((creating || start) && world.workspace) {
    return stalled('InvalidWorkspace', world.workspace.message, world.workspace.hint);
  }
  const unready = start ? world.dependencies.filter(({ ready }) => !ready).map(({ name }) => name) : [];
  if (unready.length > 0) return waiting('WaitingDependency', `It waits for ${unready.join(', ')} to be Ready`);
  if (!world.networkReady) return waiting('WaitingNetwork', 'It waits for the network rules of this host');
  return undefined;
}

/** A copy needs what it is a copy of, and no image. */
function nothingToMakeFrom(
  { imageExists, imageComing, originExists }: World,
  { name, sandbox: { image, origin } }: Manifest,
): Block | undefined {
  if (origin && originExists === false) {
    const message = `It is a copy of ${origin.instance} as it was at a moment that nothing is left of`;
    return stalled('OriginMissing', message, `Delete it, and make another copy: coi delete ${name}`);
  }
  if (origin || imageExists !== false) return undefined;
  if (imageComing !== undefined) return waiting('ImageBuilding', imageComing);
  return stalled(
    'ImageMissing',
    `There is no image with the alias "${image}"`,
    'List the images with: incus image list',
  );
}
