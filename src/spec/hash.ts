import { createHash } from 'node:crypto';
import type { DeclaredImage } from './declared-image.ts';
import type { Sandbox } from './sandbox.ts';

/** JSON with sorted keys and without undefined members: equal texts for equal meaning. Based on RFC 8785. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const members = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
  return `{${members.join(',')}}`;
}

/** SHA-256 over a resolved sandbox in canonical form, as lower-case hex. */
export function hashSandbox(sandbox: Sandbox): string {
  return hash(sandbox);
}

/** The same for an image. */
export function hashImage(image: DeclaredImage): string {
  return hash(image);
}

function hash(value: unknown): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
