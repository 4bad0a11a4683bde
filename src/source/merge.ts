import { Problem, renderPosition } from '../base/problem.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { Source } from './source.ts';

/** What one source says, as far as it is known. */
export interface SourceSaid {
  readonly source: Pick<Source, 'id' | 'path'>;
  readonly manifests: ReadonlyMap<string, Manifest>;
  readonly tombstones: ReadonlySet<string>;
  readonly images?: ReadonlyMap<string, ImageManifest>;
}

/** What all sources say together. */
export interface Merged {
  /** Sandboxes that exactly one source declares, by name. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Names that exactly one source wants deleted, and the id of that source. */
  readonly tombstones: ReadonlyMap<string, string>;
  /** Names about which sources contradict each other: nothing is done about them until they agree. */
  readonly conflicts: ReadonlyMap<string, Problem>;
  /** Images that exactly one source declares, by name. */
  readonly images: ReadonlyMap<string, ImageManifest>;
  /** Problems of sandboxes and images, one per contradiction. */
  readonly problems: readonly Problem[];
}

interface Claim {
  readonly name: string;
  readonly source: string;
  /** Absent in a tombstone. */
  readonly manifest?: Manifest;
  readonly place: string;
}

/**
 * Put sources together. A name that two of them speak of counts in neither: both declare it, or one wants it deleted; nor
 * do two names that mean the same instance.
 */
export function mergeReads(said: readonly SourceSaid[]): Merged {
  const claims = said.flatMap(claimsOf);
  const problems = new Map<string, Problem>();
  for (const [name, same] of Map.groupBy(claims, (claim) => claim.name)) {
    if (same.length > 1 && same.some(({ manifest }) => manifest))
      problems.set(name, conflict(`sandbox "${name}" is declared in several sources`, same));
  }
  const conflicts = new Map(problems);
  for (const [instance, same] of Map.groupBy(claims, ({ manifest }) => manifest?.instance)) {
    const names = new Set(same.map(({ name }) => name));
    if (instance === undefined || names.size < 2) continue;
    const all = [...names].map((name) => `sandbox "${name}"`).join(' and ');
    const problem = conflict(`${all} are both instance ${instance}`, same);
    problems.set(`instance ${instance}`, problem);
    for (const name of names) conflicts.set(name, problem);
  }
  const images = mergeImages(said);
  const agreed = claims.filter(({ name }) => !conflicts.has(name));
  return {
    manifests: new Map(agreed.flatMap(({ name, manifest }) => (manifest ? [[name, manifest] as const] : []))),
    tombstones: new Map(agreed.filter(({ manifest }) => !manifest).map(({ name, source }) => [name, source])),
    conflicts,
    images: images.agreed,
    problems: [...problems.values(), ...images.problems],
  };
}

function mergeImages(said: readonly SourceSaid[]): {
  readonly agreed: Merged['images'];
  readonly problems: readonly Problem[];
} {
  const all = said.flatMap(({ images }) => [...(images?.values() ?? [])]);
  const byName = [...Map.groupBy(all, ({ name }) => name)];
  return {
    agreed: new Map(byName.flatMap(([name, [first, ...more]]) => (more.length === 0 ? [[name, first!]] : []))),
    problems: byName
      .filter(([, same]) => same.length > 1)
      .map(([name, same]) => {
        const places = same.map(({ position }) => renderPosition(position)).join(' and ');
        return new Problem({
          code: 'source.conflict',
          message: `image "${name}" is declared in several sources: ${places}`,
          hint: 'Keep one of them; until then it is not built.',
          position: same[0]!.position,
        });
      }),
  };
}

function claimsOf({ source: { id, path }, manifests, tombstones }: SourceSaid): Claim[] {
  const declared = [...manifests.values()].map((manifest) => {
    return { name: manifest.name, source: id, manifest, place: renderPosition(manifest.position) };
  });
  const deleted = [...tombstones].map((name) => ({ name, source: id, place: `${path} (deleted there)` }));
  return [...declared, ...deleted];
}

function conflict(what: string, claims: readonly Claim[]): Problem {
  const position = claims[0]!.manifest?.position;
  return new Problem({
    code: 'source.conflict',
    message: `${what}: ${claims.map(({ place }) => place).join(' and ')}`,
    hint: 'Keep one of them; until then nothing is done about it.',
    ...(position && { position }),
  });
}
