import type { KeyPath } from './locate-toml.ts';
import { builtIn } from './defaults.ts';
import { expandHome } from './expand-home.ts';
import type { ImageLayer } from './schema/declared-image.ts';

/** What an image is built from. */
export type ImageRecipe =
  /** Name of a definition, or absolute path of its folder. */
  | { readonly kind: 'definition'; readonly definition: string }
  /** Absolute path of a script, and the image that it is run on. */
  | { readonly kind: 'script'; readonly script: string; readonly base: string };

/** When an image is built anew. */
export interface RefreshSchedule {
  readonly expression: string;
  readonly timezone: string;
}

/** An image that the controller has built. */
export interface DeclaredImage {
  readonly recipe: ImageRecipe;
  readonly schedule?: RefreshSchedule;
  /** How many versions of it stay; absent: as many as of others. */
  readonly keep?: number;
}

/** An image as one source declares it. */
export interface ImageManifest {
  /** Its alias. */
  readonly name: string;
  readonly image: DeclaredImage;
  /** Identifier of the source. */
  readonly source: string;
  readonly position: { readonly file: string; readonly line: number };
  /** The same for the same meaning. */
  readonly hash: string;
}

/** Fill in what a table leaves out. @param home of the file's owner, for `~` */
export function resolveImage(name: string, layer: ImageLayer, home: string): DeclaredImage {
  const { schedule: expression, timezone = builtIn.timezone, keep } = layer;
  return {
    recipe: recipeOf(name, layer, home),
    ...(expression !== undefined && { schedule: { expression, timezone } }),
    ...(keep !== undefined && { keep }),
  };
}

function recipeOf(
  name: string,
  { definition = name, script, base = builtIn.image }: ImageLayer,
  home: string,
): ImageRecipe {
  if (script !== undefined) return { kind: 'script', script: expandHome(script, home), base };
  const isPath = definition.includes('/') || definition === '~';
  return { kind: 'definition', definition: isPath ? expandHome(definition, home) : definition };
}

/** Two keys that make no sense together. */
export interface ImageFault {
  /** The key to point at. */
  readonly path: KeyPath;
  readonly message: string;
  readonly hint: string;
}

/** What is wrong with a table as a whole. */
export function imageFaults(name: string, { definition, script, base, schedule, timezone }: ImageLayer): ImageFault[] {
  const faults: ImageFault[] = [];
  if (script !== undefined && definition !== undefined) {
    faults.push({ path: ['script'], message: 'script and definition exclude each other', hint: 'Remove one of them.' });
  }
  if (base !== undefined && script === undefined) {
    const hint = 'Set script as well, or remove base: a definition says itself what it starts from.';
    faults.push({ path: ['base'], message: 'base is what a script is run on, and there is none', hint });
  }
  if (script !== undefined && (base ?? builtIn.image) === name) {
    faults.push({ path: ['base'], message: 'the image would be built from itself', hint: 'Name another base.' });
  }
  if (timezone !== undefined && schedule === undefined) {
    faults.push({
      path: ['timezone'],
      message: 'timezone is that of a schedule, and there is none',
      hint: 'Set schedule, too.',
    });
  }
  return faults;
}
