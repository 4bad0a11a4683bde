import type { z } from 'zod';

/** What a schema says about one key beyond its type. One source for errors, editor hints and the field reference. */
export interface FieldMeta {
  /** Purpose, as sentences. Source of the field reference and of editor hints. */
  readonly description: string;
  /** The value that holds when no layer sets the key. */
  readonly default?: unknown;
  readonly unit?: string;
  /** Completes "must be …" where the type alone does not say what is allowed. */
  readonly allowed?: string;
  /** The key is known, but its feature is not there yet: it is refused. */
  readonly unbuilt?: true;
}

/** An optional key with its description. Layers hold only what was written, so nothing is filled in here. */
export function field<Schema extends z.ZodType>(schema: Schema, meta: FieldMeta): z.ZodExactOptional<Schema> {
  return schema.meta({ ...meta }).exactOptional();
}

/** A key that is known before its feature is built. */
export function later<Schema extends z.ZodType>(schema: Schema, meta: FieldMeta): z.ZodExactOptional<Schema> {
  return field(schema, { ...meta, unbuilt: true });
}

/** The description of a schema node, wherever optionality was wrapped around it. */
export function metaOf(schema: z.ZodType): Partial<FieldMeta> {
  return (unwrap(schema).meta() ?? {}) as Partial<FieldMeta>;
}

/** The schema below "may be left out". */
export function unwrap(schema: z.ZodType): z.ZodType {
  const { def } = schema as unknown as { def: { type: string; innerType?: z.ZodType } };
  return def.type === 'optional' && def.innerType ? unwrap(def.innerType) : schema;
}
