import type { Problem } from '../base/problem.ts';
import type { Manifest } from '../spec/sandbox.ts';
import type { Source } from './source.ts';
export function mergeReads(reads: readonly { source: Source; manifests: ReadonlyMap<string, Manifest> }[]): {
  manifests: Map<string, Manifest>;
  problems: readonly Problem[];
} {
  return { manifests: new Map(reads.flatMap(({ manifests }) => [...manifests])), problems: [] };
}
