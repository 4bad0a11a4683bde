import { Problem } from '../base/problem.ts';
import type { JsonTable, JsonValue } from './tools/tool.ts';

/**
 * Text of a JSON settings file with our keys laid over it: tables are merged at every depth, so that keys of the user
 * survive, everything else is replaced. A file that is missing or empty becomes one with our keys alone.
 *
 * @throws {Problem} `tool.settings` when the text is no JSON table: it is the user's, and overwriting would lose it
 */
export function mergeSettings(text: string | undefined, keys: JsonTable, file: string): string {
  return `${JSON.stringify(merge(parse(text, file), keys), null, 2)}\n`;
}

function parse(text: string | undefined, file: string): JsonTable {
  if (text === undefined || text.trim() === '') return {};
  const broken = (why: string) =>
    new Problem({
      code: 'tool.settings',
      message: `The settings file ${file} ${why}`,
      hint: 'Correct it, or move it away to have a new one made.',
    });
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // What the parser says quotes the text, which may hold secrets.
    throw broken('is not JSON');
  }
  if (!isTable(data)) throw broken('holds no table');
  return data;
}

function merge(below: JsonTable, above: JsonTable): JsonTable {
  const merged = new Map<string, JsonValue>(Object.entries(below));
  for (const [key, value] of Object.entries(above)) {
    const before = merged.get(key);
    merged.set(key, isTable(before) && isTable(value) ? merge(before, value) : value);
  }
  return Object.fromEntries(merged);
}

function isTable(value: unknown): value is JsonTable {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
