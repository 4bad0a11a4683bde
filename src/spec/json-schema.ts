import { z } from 'zod';
import { manifestFileSchema } from './schema/files.ts';

type Node = Record<string, unknown>;

/**
 * The manifest format as JSON Schema draft-07, for editors. It accepts what this version accepts, except that checks
 * beyond patterns (dates that never come, time zones, zero durations, combinations of keys) are `coi validate`'s alone.
 */
export function manifestJsonSchema(): Node {
  const schema = z.toJSONSchema(manifestFileSchema, { io: 'input', target: 'draft-07', unrepresentable: 'any' });
  const { $schema, ...rest } = prune(schema)!;
  return { $schema, title: 'Sandboxes that coi keeps', ...rest };
}

/** The text of the file that editors read. */
export function manifestJsonSchemaText(): string {
  return `${JSON.stringify(manifestJsonSchema(), null, 2)}\n`;
}

/** A schema node without keys that are not built yet, and without what only our own tools read. */
function prune(node: Node): Node | undefined {
  const { unbuilt, allowed: _allowed, unit: _unit, properties, additionalProperties, items, ...rest } = node;
  if (unbuilt) return undefined;
  const pruned: Node = { ...rest };
  if (properties) {
    const kept = Object.entries(properties).flatMap(([key, child]) => {
      const below = prune(child as Node);
      return below ? [[key, below] as const] : [];
    });
    if (kept.length === 0) return undefined;
    pruned['properties'] = Object.fromEntries(kept);
  }
  if (items) pruned['items'] = prune(items as Node);
  if (additionalProperties !== undefined) {
    pruned['additionalProperties'] =
      typeof additionalProperties === 'object' ? prune(additionalProperties as Node) : additionalProperties;
  }
  return pruned;
}
