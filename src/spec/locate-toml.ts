/** A key's path in a document: names, and indexes of arrays. */
export type KeyPath = readonly (string | number)[];

/** Line and column, counted from 1 in UTF-16 units, as editors do. */
interface Place {
  readonly line: number;
  readonly column: number;
}

/** Where a key and its value begin. A table that only a header names has both at the header. */
interface Located {
  readonly key: Place;
  readonly value: Place;
}

/** Finds keys of one TOML text. */
export interface TomlLocator {
  /** The place of the key itself, or undefined when the text does not hold it. */
  at(path: KeyPath): Located | undefined;
  /** The place of the longest part of the path that the text holds; the first line when there is none. */
  nearest(path: KeyPath): Located;
}

interface Scan {
  readonly text: string;
  offset: number;
  /** Offsets of keys and values by path. */
  readonly found: Map<string, { key: number; value: number }>;
  /** How many tables each `[[array]]` has so far. */
  readonly counts: Map<string, number>;
}

/**
 * Index where every key of a TOML text stands, which the parser does not tell.
 *
 * @param text text that a TOML parser has accepted; of anything else the places are a guess
 * @see TOML 1.1, toml.io/en/v1.1.0
 */
export function locateToml(text: string): TomlLocator {
  const scan: Scan = { text, offset: 0, found: new Map(), counts: new Map() };
  scanDocument(scan);
  const lineStarts = startsOfLines(text);
  const at = (path: KeyPath): Located | undefined => {
    const found = scan.found.get(JSON.stringify(path));
    return found && { key: placeOf(found.key, lineStarts), value: placeOf(found.value, lineStarts) };
  };
  const nearest = (path: KeyPath): Located => {
    for (let length = path.length; length > 0; length -= 1) {
      const located = at(path.slice(0, length));
      if (located) return located;
    }
    return { key: { line: 1, column: 1 }, value: { line: 1, column: 1 } };
  };
  return { at, nearest };
}

function scanDocument(scan: Scan): void {
  let table: KeyPath = [];
  for (;;) {
    skip(scan, /[\s\uFEFF]|#[^\n]*/y);
    if (scan.offset >= scan.text.length) return;
    if (scan.text[scan.offset] === '[') table = scanHeader(scan);
    else if (!scanPair(scan, table)) return;
  }
}

function scanHeader(scan: Scan): KeyPath {
  const isArray = scan.text[scan.offset + 1] === '[';
  scan.offset += isArray ? 2 : 1;
  const keys = scanKeys(scan);
  skip(scan, /[ \t\]]/y);
  let path: KeyPath = [];
  keys.forEach(({ name, offset }, index) => {
    path = [...path, name];
    const id = JSON.stringify(path);
    note(scan, path, offset);
    const count = scan.counts.get(id) ?? 0;
    if (isArray && index === keys.length - 1) {
      scan.counts.set(id, count + 1);
      path = [...path, count];
      note(scan, path, offset);
    } else if (count > 0) path = [...path, count - 1];
  });
  return path;
}

/** Scan `key = value`; false when there is none, which only invalid text brings about. */
function scanPair(scan: Scan, table: KeyPath): boolean {
  const keys = scanKeys(scan);
  if (keys.length === 0) return false;
  let path = table;
  for (const { name, offset } of keys) note(scan, (path = [...path, name]), offset);
  skip(scan, /[ \t=]/y);
  const found = scan.found.get(JSON.stringify(path));
  if (found) found.value = scan.offset;
  scanValue(scan, path);
  return true;
}

function scanValue(scan: Scan, path: KeyPath): void {
  const first = scan.text[scan.offset];
  if (first === '[') return scanArray(scan, path);
  if (first === '{') return scanInlineTable(scan, path);
  if (!skip(scan, stringToken, 1)) skip(scan, /[^,\]}#\r\n]/y);
}

function scanArray(scan: Scan, path: KeyPath): void {
  scan.offset += 1;
  for (let index = 0; ; index += 1) {
    skip(scan, gap);
    if (scan.offset >= scan.text.length) return;
    if (scan.text[scan.offset] === ']') break;
    note(scan, [...path, index], scan.offset);
    scanValue(scan, [...path, index]);
    skip(scan, gap);
    if (scan.text[scan.offset] !== ',') break;
    scan.offset += 1;
  }
  scan.offset += 1;
}

function scanInlineTable(scan: Scan, path: KeyPath): void {
  scan.offset += 1;
  for (;;) {
    skip(scan, gap);
    if (scan.offset >= scan.text.length) return;
    if (scan.text[scan.offset] === '}' || !scanPair(scan, path)) break;
    skip(scan, gap);
    if (scan.text[scan.offset] !== ',') break;
    scan.offset += 1;
  }
  scan.offset += 1;
}

const gap = /\s|#[^\n]*/y;
const stringToken = /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'/y;
const keyToken = /([A-Za-z0-9_-]+)|"((?:\\.|[^"\\\n])*)"|'([^'\n]*)'/y;

function scanKeys(scan: Scan): { name: string; offset: number }[] {
  const keys: { name: string; offset: number }[] = [];
  for (;;) {
    skip(scan, /[ \t]/y);
    keyToken.lastIndex = scan.offset;
    const match = keyToken.exec(scan.text);
    if (!match) return keys;
    keys.push({ name: match[1] ?? match[3] ?? unescape(match[2]!), offset: scan.offset });
    scan.offset = keyToken.lastIndex;
    skip(scan, /[ \t]/y);
    if (scan.text[scan.offset] !== '.') return keys;
    scan.offset += 1;
  }
}

const escapes: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\u001B' };

function unescape(text: string): string {
  return text.replace(/\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|.)/gs, (escape) => {
    const hex = escape.slice(2);
    return hex === '' ? (escapes[escape[1]!] ?? escape[1]!) : String.fromCodePoint(Number.parseInt(hex, 16));
  });
}

/** Move past what a sticky pattern matches, again and again or `times` times; whether anything was passed. */
function skip(scan: Scan, pattern: RegExp, times = Number.POSITIVE_INFINITY): boolean {
  const before = scan.offset;
  for (let count = 0; count < times; count += 1) {
    pattern.lastIndex = scan.offset;
    if (!pattern.test(scan.text) || pattern.lastIndex === scan.offset) break;
    scan.offset = pattern.lastIndex;
  }
  return scan.offset > before;
}

/** Remember where a path first appears: later headers extend a table, they do not begin it. */
function note(scan: Scan, path: KeyPath, offset: number): void {
  const id = JSON.stringify(path);
  if (!scan.found.has(id)) scan.found.set(id, { key: offset, value: offset });
}

function startsOfLines(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function placeOf(offset: number, lineStarts: readonly number[]): Place {
  let low = 0;
  let high = lineStarts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (lineStarts[middle]! <= offset) low = middle;
    else high = middle - 1;
  }
  return { line: low + 1, column: offset - lineStarts[low]! + 1 };
}
