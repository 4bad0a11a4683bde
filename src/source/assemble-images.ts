import { Problem, renderPosition } from '../base/problem.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { ReadFile } from './file-cache.ts';

/** An image and the file it stands in, as a path below the root. */
interface Known {
  readonly manifest: ImageManifest;
  readonly file: string;
}

/** Images by name. */
export type KnownImages = ReadonlyMap<string, Known>;

/**
 * Put the images of all files together. As with sandboxes, what a file that is not valid said last stays, and an image that is
 * declared twice is not valid in either place.
 *
 * @param before what was known after the last read
 */
export function assembleImages(
  files: readonly ReadFile[],
  before: KnownImages,
): { readonly known: KnownImages; readonly problems: readonly Problem[] } {
  const all = files.flatMap(({ images = [], listed }) => images.map((manifest) => ({ manifest, file: listed.name })));
  const byName = Map.groupBy(all, ({ manifest }) => manifest.name);
  const twice = [...byName].filter(([, places]) => places.length > 1);
  const known = new Map([...byName].flatMap(([name, [first, ...more]]) => (more.length === 0 ? [[name, first!]] : [])));
  const broken = files.filter(({ problems }) => problems.length > 0);
  const uncertain = new Set([...twice.map(([name]) => name), ...broken.flatMap(({ imageNames = [] }) => imageNames)]);
  const brokenFiles = new Set(broken.map(({ listed }) => listed.name));
  for (const [name, last] of before) {
    if (!known.has(name) && (uncertain.has(name) || brokenFiles.has(last.file))) known.set(name, last);
  }
  return { known, problems: twice.map(([name, places]) => duplicate(name, places)) };
}

function duplicate(name: string, places: readonly Known[]): Problem {
  const all = places.map(({ manifest }) => renderPosition(manifest.position));
  return new Problem({
    code: 'source.duplicate',
    message: `image "${name}" is declared ${all.length} times: ${all.join(' and ')}`,
    hint: 'Keep one of them; until then none of them counts.',
    position: places[0]!.manifest.position,
  });
}
