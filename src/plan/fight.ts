import type { Block } from './step.ts';
import { stalled } from './steps.ts';
import type { World } from './world.ts';

/** Why fields are left alone that something else rewrites again and again. */
export function fightBlock({ fighting }: World): Block | undefined {
  if (fighting.length === 0) return undefined;
  const message = `Something else keeps changing ${fighting.join(', ')}`;
  return stalled('Fighting', message, 'Find out who does and stop it, or change the manifest to agree');
}
