import { createHash } from 'node:crypto';
import type { BuildStep, Definition, TreeEntry } from './definition.ts';

/** Changes what all hashes come to: raised when the same definition comes to another image. */
const format = 1;

/** What a stage is made from: the base's fingerprint and all steps so far. In order; each 64 hex digits. */
export function stageHashes(base: string, steps: readonly BuildStep[]): string[] {
  let last = hash(['base', format, base]);
  return steps.map((step) => (last = hash([last, step.name, step.versions, hashOfBytes(step.script), treesOf(step)])));
}

/**
 * What an image is made from, and what it is held to.
 *
 * @param base what stands for the base: its fingerprint, or where it comes from
 */
export function recipeOf(
  { name, alias, description, versions, steps, expectations, maxBytes }: Definition,
  base: string,
): string {
  const last = stageHashes(base, steps).at(-1) ?? base;
  return hash([format, name, alias, description, versions, last, expectations, maxBytes ?? 0]);
}

function treesOf({ trees }: BuildStep): unknown {
  return trees.map(({ entries }) => entries.map(partsOf));
}

function partsOf(entry: TreeEntry): unknown {
  if (entry.kind === 'link') return [entry.path, 'link', entry.target];
  return [entry.path, entry.isExecutable ? 'program' : 'file', hashOfBytes(entry.content)];
}

function hashOfBytes(bytes: Uint8Array | undefined): string {
  return bytes ? createHash('sha256').update(bytes).digest('hex') : '';
}

function hash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}
