import { Problem, renderPosition } from '../base/problem.ts';
import type { ImageManifest } from './declared-image.ts';
import type { ParsedFile } from './parse-manifests.ts';
import type { Manifest } from './sandbox.ts';

/** What several files say together. */
export interface MergedFiles {
  /** The sandboxes that exactly one file declares. */
  readonly manifests: readonly Manifest[];
  /** The problems of all files, and `spec.duplicate` for every place of a name that more than one declares. */
  readonly problems: readonly Problem[];
}

/**
 * Put files of one or several sources together. Which of two places is the right one cannot be known, so a name in two
 * files is valid in neither; the same goes for two names of one instance.
 */
export function mergeFiles(
  files: readonly (Pick<ParsedFile, 'manifests' | 'problems'> & Partial<Pick<ParsedFile, 'images'>>)[],
): MergedFiles {
  const all = files.flatMap(({ manifests }) => manifests);
  const byName = Map.groupBy(all, ({ name }) => name);
  const byInstance = Map.groupBy(all, ({ instance }) => instance);
  const rivalsOf = ({ name, instance }: Manifest) =>
    new Set([...byName.get(name)!, ...byInstance.get(instance)!]).size > 1
      ? [...new Set([...byName.get(name)!, ...byInstance.get(instance)!])]
      : [];
  const duplicates = all.flatMap((manifest) => {
    const others = rivalsOf(manifest).filter((other) => other !== manifest);
    return others.length === 0 ? [] : [{ manifest, others }];
  });
  const rejected = new Set(duplicates.map(({ manifest }) => manifest));
  return {
    manifests: all.filter((manifest) => !rejected.has(manifest)),
    problems: [
      ...files.flatMap(({ problems }) => problems),
      ...duplicates.map(duplicateProblem),
      ...duplicateImages(files.flatMap(({ images = [] }) => images)),
    ],
  };
}

function duplicateImages(images: readonly ImageManifest[]): Problem[] {
  const byName = Map.groupBy(images, ({ name }) => name);
  return images.flatMap((image) => {
    const others = byName.get(image.name)!.filter((other) => other !== image);
    if (others.length === 0) return [];
    const places = others.map(({ position }) => renderPosition(position)).join(', ');
    return [
      new Problem({
        code: 'spec.duplicate',
        message: `image "${image.name}" is also declared in ${places}`,
        hint: 'Keep one of them. Until then neither is acted on.',
        position: image.position,
      }),
    ];
  });
}

function duplicateProblem({ manifest, others }: { manifest: Manifest; others: readonly Manifest[] }): Problem {
  const places = others.map(({ position }) => renderPosition(position)).join(', ');
  const sameName = others.some(({ name }) => name === manifest.name);
  const what = sameName ? `sandbox "${manifest.name}"` : `instance "${manifest.instance}"`;
  return new Problem({
    code: 'spec.duplicate',
    message: `${what} is also declared in ${places}`,
    hint: 'Keep one of them, or give them different names. Until then neither is acted on.',
    position: manifest.position,
  });
}
