import type { Technique } from './technique.ts';
import { addresses } from './techniques/addresses.ts';
import { links, tunnels } from './techniques/links.ts';
import { siblings } from './techniques/neighbours.ts';

/** All of them; a technique's number is its place here. Those that take a sibling's hardware address come last. */
export const techniques: readonly Technique[] = [...siblings, ...links, ...tunnels, ...addresses];
