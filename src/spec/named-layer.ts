import { Problem } from '../base/problem.ts';
import { checkData } from './check-data.ts';
import type { KeyPath } from './locate-toml.ts';
import { sandboxSchema, type SandboxLayer } from './schema/sandbox.ts';

/** One value from outside of any file. */
export interface NamedValue {
  /** What it is called where people gave it: `environment variable COI_LIMIT_CPU`, `--limit-cpu`. */
  readonly name: string;
  /** The key that it sets. */
  readonly path: readonly string[];
  readonly value: unknown;
}

/** What such values say about a sandbox. */
export interface NamedLayer {
  /** Not to be used when there are problems. */
  readonly layer: SandboxLayer;
  /** They name the value where a file would be named. */
  readonly problems: readonly Problem[];
}

/** A layer of values that each have a name of their own, held to the rules that hold for files. */
export function namedLayer(values: readonly NamedValue[]): NamedLayer {
  const layer: Record<string, unknown> = {};
  for (const { path, value } of values) set(layer, path, value);
  const nowhere = { line: 1, column: 1 };
  const locator = { at: () => undefined, nearest: () => ({ key: nowhere, value: nowhere }) };
  const found = checkData({ schema: sandboxSchema, data: layer, file: '', locator });
  return { layer, problems: found.map(({ path, problem }) => named(problem, nameOf(values, path))) };
}

function nameOf(values: readonly NamedValue[], path: KeyPath): string {
  const meant = values.find((value) => value.path.every((key, index) => key === path[index]));
  return meant?.name ?? path.join('.');
}

function named({ code, message, hint }: Problem, file: string): Problem {
  return new Problem({ code, message, ...(hint && { hint }), position: { file } });
}

function set(table: Record<string, unknown>, [key, ...below]: readonly string[], value: unknown): void {
  if (below.length === 0) table[key!] = value;
  else set((table[key!] ??= {}) as Record<string, unknown>, below, value);
}
