import type { z } from 'zod';
import { metaOf, unwrap, type FieldMeta } from './field.ts';

interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, z.ZodType>>;
  readonly valueType?: z.ZodType;
  readonly element?: z.ZodType;
  readonly entries?: Readonly<Record<string, string>>;
}

/** What zod knows of a node, below "may be left out". */
export function definitionOf(schema: z.ZodType): Definition {
  return (unwrap(schema) as unknown as { def: Definition }).def;
}

/** One key of a schema. In `path`, `*` stands for a name that the file chooses. */
export interface SchemaKey {
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly meta: Partial<FieldMeta>;
  /** Whether the key holds a value and no further keys. */
  readonly leaf: boolean;
}

/** Every key of a schema, tables before what they hold, in the order of the schema. */
export function keysOf(schema: z.ZodType, path: readonly string[] = []): SchemaKey[] {
  const { shape, valueType } = definitionOf(schema);
  if (shape) {
    return Object.entries(shape).flatMap(([key, child]) => keyAndBelow(child, [...path, key]));
  }
  return valueType ? keyAndBelow(valueType, [...path, '*']) : [];
}

function keyAndBelow(schema: z.ZodType, path: readonly string[]): SchemaKey[] {
  const below = keysOf(schema, path);
  return [{ path, schema, meta: metaOf(schema), leaf: below.length === 0 }, ...below];
}

/** The schema of one member of a table, record or list; undefined when it has no such member. */
export function childOf(schema: z.ZodType, key: string | number): z.ZodType | undefined {
  const { shape, valueType, element } = definitionOf(schema);
  if (shape) return Object.hasOwn(shape, key) ? shape[key] : undefined;
  return valueType ?? element;
}

/** Whether nothing of a key is built yet: neither the key itself nor anything below it. */
export function isUnbuilt(schema: z.ZodType): boolean {
  const children = Object.values(definitionOf(schema).shape ?? {});
  return metaOf(schema).unbuilt || (children.length > 0 && children.every((child) => isUnbuilt(child)));
}
