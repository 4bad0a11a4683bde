import { Problem } from '../base/problem.ts';
import type { Manifest } from './sandbox.ts';

/** A sandbox that cannot start because of what it depends on. */
export interface ReferenceProblem {
  readonly name: string;
  readonly problem: Problem;
}

/**
 * What is wrong with `depends_on` across all manifests: a name that nobody declares, one that is declared absent
 * (`spec.reference`), and circles (`spec.cycle`, once for each member).
 */
export function checkReferences(manifests: readonly Manifest[]): ReferenceProblem[] {
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]));
  return manifests.flatMap((manifest) => {
    const missing = manifest.sandbox.dependsOn.flatMap((name) => referenceProblem(manifest, name, byName.get(name)));
    const circle = circleFrom(manifest, byName);
    return [...missing, ...(circle ? [cycleProblem(manifest, circle)] : [])].map((problem) => ({
      name: manifest.name,
      problem,
    }));
  });
}

function referenceProblem(manifest: Manifest, name: string, target: Manifest | undefined): Problem[] {
  if (target && target.sandbox.state !== 'absent') return [];
  return [
    new Problem({
      code: 'spec.reference',
      message: `sandbox "${manifest.name}" depends on "${name}", which ${target ? 'is declared absent' : 'no file declares'}`,
      hint: `Declare "${name}", or take it out of depends_on. Until then "${manifest.name}" is not started.`,
      position: manifest.position,
    }),
  ];
}

function cycleProblem(manifest: Manifest, circle: readonly string[]): Problem {
  return new Problem({
    code: 'spec.cycle',
    message: `sandboxes depend on each other in a circle: ${circle.join(' → ')}`,
    hint: 'Take one of them out of depends_on. Until then none of them is started.',
    position: manifest.position,
  });
}

/** The shortest way from a sandbox along its dependencies back to itself. */
function circleFrom(start: Manifest, byName: ReadonlyMap<string, Manifest>): readonly string[] | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start.name];
  for (const name of queue) {
    for (const next of byName.get(name)?.sandbox.dependsOn ?? []) {
      if (next === start.name) return [...wayTo(name, start.name, cameFrom), start.name];
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, name);
      queue.push(next);
    }
  }
  return undefined;
}

function wayTo(name: string, start: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way = [name];
  for (let at = name; at !== start; way.unshift(at)) at = cameFrom.get(at)!;
  return way;
}
