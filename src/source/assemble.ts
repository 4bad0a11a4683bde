import { createHash } from 'node:crypto';
import { Problem, renderPosition } from '../base/problem.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { ReadFile } from './file-cache.ts';

/** A manifest and the file it stands in, as a path below the root. */
interface Known {
  readonly manifest: Manifest;
  readonly file: string;
}

/** Manifests by name. */
export type KnownManifests = ReadonlyMap<string, Known>;

/** What all files of a source say together. */
export interface Assembled {
  readonly known: KnownManifests;
  readonly problems: readonly Problem[];
  /** Changes with names and contents of files only. */
  readonly revision: string;
}

/**
 * Put files together. What a file that is not valid said last stays: per sandbox where its names can be read, else all
 * of it. Also when the file was renamed meanwhile, as long as it still names the sandbox. A sandbox that is declared
 * twice is not valid in either place.
 *
 * @param before what was known after the last read
 */
export function assemble(files: readonly ReadFile[], before: KnownManifests): Assembled {
  const { single, twice } = sortOut(files);
  const known = new Map<string, Known>(single);
  const broken = brokenIn(files);
  for (const [name, last] of before) {
    if (known.has(name)) continue;
    if (twice.has(name) || broken.names.has(name) || broken.files.has(last.file)) known.set(name, last);
  }
  return {
    known,
    problems: [...files.flatMap(({ problems }) => problems), ...twice.values()],
    revision: revisionOf(files),
  };
}

function sortOut(files: readonly ReadFile[]): { single: Map<string, Known>; twice: Map<string, Problem> } {
  const places = new Map<string, Known[]>();
  for (const { manifests, listed } of files) {
    for (const manifest of manifests) {
      const others = places.get(manifest.name) ?? [];
      places.set(manifest.name, [...others, { manifest, file: listed.name }]);
    }
  }
  const single = new Map<string, Known>();
  const twice = new Map<string, Problem>();
  for (const [name, known] of places) {
    if (known.length === 1) single.set(name, known[0]!);
    else
      twice.set(
        name,
        duplicate(
          name,
          known.map(({ manifest }) => manifest),
        ),
      );
  }
  return { single, twice };
}

function duplicate(name: string, manifests: readonly Manifest[]): Problem {
  const places = manifests.map(({ position }) => renderPosition(position));
  return new Problem({
    code: 'source.duplicate',
    message: `sandbox "${name}" is declared ${places.length} times: ${places.join(' and ')}`,
    hint: 'Keep one of them; until then none of them counts.',
    position: manifests[0]!.position,
  });
}

function brokenIn(files: readonly ReadFile[]): { files: Set<string>; names: Set<string> } {
  const broken = files.filter(({ problems }) => problems.length > 0);
  return {
    files: new Set(broken.map(({ listed }) => listed.name)),
    names: new Set(broken.flatMap(({ names }) => names)),
  };
}

function revisionOf(files: readonly ReadFile[]): string {
  const hash = createHash('sha256');
  for (const { listed, contentHash } of files) hash.update(JSON.stringify([listed.name, contentHash ?? null]));
  return hash.digest('hex').slice(0, 40);
}
