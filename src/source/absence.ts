import type { Missing } from '../plan/guard.ts';
import type { Policy } from '../spec/sandbox.ts';
import type { SourceRead } from './source.ts';

/** What a source's silence is judged by. */
export interface Absence {
  /** What was missing after the read before. */
  readonly previous: readonly Missing[];
  readonly read: SourceRead;
  /** Sandboxes that exist and carry the source's stamp, with what is to follow when they are not declared any more. */
  readonly owned: ReadonlyMap<string, Policy['deletion']>;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * Which owned sandboxes a source no longer declares, since when, and how many complete reads say so. Only a complete read
 * proves an absence; any read that has the name ends it; what is gone is no longer missing.
 */
export function trackAbsence({ previous, read, owned, now }: Absence): Missing[] {
  const before = new Map(previous.map((each) => [each.name, each]));
  const isDeclared = (name: string) =>
    read.kind !== 'failed' && (read.manifests.has(name) || read.tombstones.has(name));
  return [...owned]
    .filter(([name]) => !isDeclared(name) && (read.kind === 'complete' || before.has(name)))
    .map(([name, deletion]) => {
      const { since = now, reads = 0 } = before.get(name) ?? {};
      return { name, deletion, since, reads: read.kind === 'complete' ? reads + 1 : reads };
    });
}
