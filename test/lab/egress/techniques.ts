import type { Technique } from './technique.ts';
import { addresses } from './techniques/addresses.ts';
import { drawings, reflections } from './techniques/drawing.ts';
import { links } from './techniques/links.ts';
import { names } from './techniques/names.ts';
import { nested } from './techniques/nested.ts';
import { hosts, places } from './techniques/places.ts';
import { protocols, shapes } from './techniques/protocols.ts';
import { siblings } from './techniques/siblings.ts';

/** All of them; a technique's number is its place here. Those that take a sibling's hardware address come last. */
export const techniques: readonly Technique[] = [
  ...siblings,
  ...links,
  ...protocols,
  ...shapes,
  ...places,
  ...hosts,
  ...names,
  ...nested,
  ...reflections,
  ...addresses,
  ...drawings,
];
