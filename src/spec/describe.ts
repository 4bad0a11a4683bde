import type { z } from 'zod';
import type { KeyPath } from './locate-toml.ts';
import { metaOf } from './schema/field.ts';
import { definitionOf } from './schema/walk.ts';

const longestValue = 60;

/** A key's path as it could be written in TOML. */
export function renderPath(path: KeyPath): string {
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      return `${index === 0 ? '' : '.'}${/^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part)}`;
    })
    .join('');
}

/** A value as it could be written in TOML, cut off when it is long. */
export function renderValue(value: unknown): string {
  const text = typeof value === 'number' && !Number.isFinite(value) ? String(value) : JSON.stringify(value);
  if (Array.isArray(value) && value.length === 0) return 'an empty list';
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}

/** What a key may hold, to follow "must be". */
export function describeAllowed(schema: z.ZodType): string {
  const { allowed } = metaOf(schema);
  if (allowed) return allowed;
  const { type, entries, element } = definitionOf(schema);
  if (entries) {
    return `one of ${Object.values(entries)
      .map((value) => JSON.stringify(value))
      .join(', ')}`;
  }
  if (element) return `a list, each item ${describeAllowed(element)}`;
  return kinds[type] ?? 'something else';
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  boolean: 'true or false',
  number: 'a number of at least 0',
  object: 'a table',
  record: 'a table',
};
