import type { z } from 'zod';
import { Problem } from '../base/problem.ts';
import { describeAllowed, renderPath, renderValue } from './describe.ts';
import type { KeyPath, TomlLocator } from './locate-toml.ts';
import { isSessionName, nameLimit } from './names.ts';
import { nearest } from './nearest.ts';
import { metaOf } from './schema/field.ts';
import { childOf, definitionOf, isUnbuilt, keysOf } from './schema/walk.ts';

/** What is checked: a document, and where to point when something is wrong. */
export interface CheckInput {
  readonly schema: z.ZodType;
  readonly data: unknown;
  readonly file: string;
  readonly locator: TomlLocator;
}

/** A problem with the key it belongs to. */
export interface KeyProblem {
  readonly path: KeyPath;
  readonly problem: Problem;
}

/**
 * Everything that is wrong with a document, each with its place: values of the wrong kind (`spec.value`), names that
 * cannot be used (`spec.name`), keys that nobody knows (`spec.unknown-key`), and keys whose feature is not there
 * yet (`spec.unsupported`). Empty when the document is valid.
 */
export function checkData(input: CheckInput): KeyProblem[] {
  const unbuilt = unbuiltIn(input.schema, input.data, []);
  const refused = (path: KeyPath) => unbuilt.some((prefix) => startsWith(path, prefix));
  return [
    ...unbuilt.map((path) => ({ path, problem: unsupported(path, input) })),
    ...issuesOf(input.schema, input.data)
      .filter(({ path }) => !refused(path as KeyPath))
      .flatMap((issue) => problemsOf(issue, input)),
  ];
}

/** zod's issues. It does not look at what a wrong name holds, but whoever corrects the name is to see all at once. */
function issuesOf(schema: z.ZodType, data: unknown): z.core.$ZodIssue[] {
  return (schema.safeParse(data).error?.issues ?? []).flatMap((issue) => {
    if (issue.code !== 'invalid_key') return [issue];
    const path = issue.path as KeyPath;
    const below = issuesOf(schemaAt(schema, path), valueAt(data, path));
    return [issue, ...below.map((inner) => ({ ...inner, path: [...path, ...inner.path] }))];
  });
}

function problemsOf(issue: z.core.$ZodIssue, input: CheckInput): KeyProblem[] {
  const path = issue.path as KeyPath;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], problem: unknownKey({ path, key, input }) }));
  }
  if (issue.code === 'invalid_key') {
    const problem = path.at(-2) === 'mounts' ? badMountPath({ path, input }) : badName({ path, input });
    return [{ path, problem }];
  }
  const reason = issue.code === 'custom' ? issue.message : undefined;
  return [{ path, problem: badValue({ path, reason, input }) }];
}

/** Whether a path lies at or below another one. */
export function startsWith(path: KeyPath, prefix: KeyPath): boolean {
  return prefix.every((part, index) => path[index] === part);
}

function unbuiltIn(schema: z.ZodType, data: unknown, path: KeyPath): KeyPath[] {
  if (metaOf(schema).unbuilt) return [path];
  const { shape, valueType } = definitionOf(schema);
  if ((!shape && !valueType) || typeof data !== 'object' || data === null || Array.isArray(data)) return [];
  const below = Object.entries(data).flatMap(([key, value]) => {
    const child = childOf(schema, key);
    return child ? unbuiltIn(child, value, [...path, key]) : [];
  });
  return below.length === 0 && isUnbuilt(schema) ? [path] : below;
}

function unsupported(path: KeyPath, { file, locator }: CheckInput): Problem {
  return new Problem({
    code: 'spec.unsupported',
    message: `${renderPath(path)} is not supported yet`,
    hint: 'Remove the key.',
    position: { file, ...locator.nearest(path).key },
  });
}

function unknownKey({ path, key, input }: { path: KeyPath; key: string; input: CheckInput }): Problem {
  const table = schemaAt(input.schema, path);
  const known = Object.keys(definitionOf(table).shape ?? {});
  const meant = nearest(key, known) ?? sameKeyBelow(key, table);
  const where = path.length === 0 ? 'at the top of the file' : `in ${renderPath(path)}`;
  return new Problem({
    code: 'spec.unknown-key',
    message: `${renderPath([...path, key])} is not a known key`,
    hint: meant ? `Did you mean "${meant}"?` : `Known keys ${where} are ${known.join(', ')}.`,
    position: { file: input.file, ...input.locator.nearest([...path, key]).key },
  });
}

/** People forget the section that a key stands in: `ttl` for `lifetime.ttl`. */
function sameKeyBelow(key: string, table: z.ZodType): string | undefined {
  const below = keysOf(table).filter(({ path }) => path.at(-1) === key && !path.includes('*'));
  return below.find(({ schema }) => !isUnbuilt(schema))?.path.join('.');
}

function badName({ path, input }: { path: KeyPath; input: CheckInput }): Problem {
  const name = String(path.at(-1));
  const kind = path[0] === 'sandbox' ? 'sandbox' : path[0] === 'image' ? 'image' : 'profile';
  return new Problem({
    code: 'spec.name',
    message: `"${name}" cannot be the name of ${kind === 'image' ? 'an' : 'a'} ${kind}${kind === 'sandbox' ? `: ${nameFault(name)}` : ''}`,
    hint: nameHints[kind],
    position: { file: input.file, ...input.locator.nearest(path).key },
  });
}

const nameHints = {
  sandbox: `Use up to ${nameLimit} lower-case letters, digits and dashes, beginning and ending with a letter or digit.`,
  image: 'Use up to 63 lower-case letters, digits, dots, dashes and underscores, beginning with a letter or digit.',
  profile: 'Use up to 63 letters, digits, dots, dashes and underscores, beginning with a letter or digit.',
} as const;

function badMountPath({ path, input }: { path: KeyPath; input: CheckInput }): Problem {
  return new Problem({
    code: 'spec.value',
    message: `${renderPath(path)} is mounted at ${renderValue(path.at(-1))}, but must be at an absolute path inside`,
    hint: 'Correct the path.',
    position: { file: input.file, ...input.locator.nearest(path).key },
  });
}

function nameFault(name: string): string {
  if (name === '') return 'it is empty';
  if (name.length > nameLimit) return `it has ${name.length} characters`;
  if (name.startsWith('del-')) return 'names that begin with "del-" belong to instances being deleted';
  if (isSessionName(name)) return 'it looks like the name of a session';
  return 'it holds characters that host names do not allow';
}

function badValue({ path, reason, input }: { path: KeyPath; reason: string | undefined; input: CheckInput }): Problem {
  const value = valueAt(input.data, path);
  const schema = schemaAt(input.schema, path);
  const allowed = describeAllowed(schema);
  const entries = Object.values(definitionOf(schema).entries ?? {});
  const meant = typeof value === 'string' && value !== '' ? nearest(value, entries) : undefined;
  const missing = value === undefined;
  return new Problem({
    code: 'spec.value',
    message: missing
      ? `${renderPath(path)} is missing`
      : `${renderPath(path)} is ${renderValue(value)}, but must be ${allowed}`,
    hint: reason ?? hintFor({ path, missing, allowed, meant }),
    position: { file: input.file, ...input.locator.nearest(path).value },
  });
}

function hintFor(found: { path: KeyPath; missing: boolean; allowed: string; meant: string | undefined }): string {
  if (found.missing) return `Set ${String(found.path.at(-1))} to ${found.allowed}.`;
  return found.meant ? `Did you mean "${found.meant}"?` : 'Correct the value.';
}

function schemaAt(schema: z.ZodType, path: KeyPath): z.ZodType {
  return path.reduce<z.ZodType>((node, part) => childOf(node, part) ?? node, schema);
}

function valueAt(data: unknown, path: KeyPath): unknown {
  return path.reduce<unknown>(
    (node, part) => (typeof node === 'object' && node !== null ? (node as Record<string, unknown>)[part] : undefined),
    data,
  );
}
