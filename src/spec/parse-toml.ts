import { parse, TomlDate, TomlError } from 'smol-toml';
import { Problem } from '../base/problem.ts';
import { locateToml, type KeyPath, type TomlLocator } from './locate-toml.ts';

/** A TOML text as plain data, with the means to say where each key stands. */
export interface TomlDocument {
  readonly data: Record<string, unknown>;
  readonly locator: TomlLocator;
}

/**
 * Read a TOML text. Dates become the text they were written as, so that no schema meets an object it cannot compare.
 *
 * @returns the document, or the one problem that keeps it from being read: code `spec.syntax`, with a code frame
 */
export function parseToml(file: string, text: string): TomlDocument | Problem {
  try {
    const unsafe: KeyPath[] = [];
    const data = toPlain(parse(text), { path: [], unsafe }) as Record<string, unknown>;
    const locator = locateToml(text);
    const [first] = unsafe;
    if (!first) return { data, locator };
    return new Problem({
      code: 'spec.syntax',
      message: 'Cannot read the file: "__proto__" cannot be used as a key',
      hint: 'Rename the key.',
      position: { file, ...locator.nearest(first).key },
    });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return syntaxProblem(file, error);
  }
}

function syntaxProblem(file: string, error: TomlError): Problem {
  const [summary] = error.message.split('\n');
  const what = summary!.replace(/^Invalid TOML document: /, '');
  return new Problem({
    code: 'spec.syntax',
    message: `Cannot read the file as TOML: ${what}\n\n${error.codeblock.trimEnd()}\n`,
    hint: 'Correct the line; until then the file says nothing.',
    position: { file, line: error.line, column: error.column },
    cause: error,
  });
}

function toPlain(value: unknown, walk: { path: KeyPath; unsafe: KeyPath[] }): unknown {
  if (value instanceof TomlDate) return value.toISOString();
  if (Array.isArray(value)) {
    return value.map((item, index) => toPlain(item, { ...walk, path: [...walk.path, index] }));
  }
  if (typeof value !== 'object' || value === null) return value;
  const plain: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const path = [...walk.path, key];
    if (key === '__proto__') walk.unsafe.push(path);
    else plain[key] = toPlain(item, { ...walk, path });
  }
  return plain;
}
