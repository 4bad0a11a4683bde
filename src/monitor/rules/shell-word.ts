/** A text of shell commands that is gone through once, from its beginning. */
export interface ShellText {
  readonly text: string;
  at: number;
  /** How deep it stands in others: substitutions, and texts that are evaluated. */
  readonly depth: number;
  /** Steps that are left for all texts together: what is nested is gone through again. */
  readonly budget: { left: number };
  /** It ends with the bracket that closes it. */
  readonly isInBrackets?: true;
}

/** Something of a text: as it stands, and without what is only data. */
export interface Shown {
  raw: string;
  bare: string;
}

/** A word of a command. */
export interface ShellWord extends Shown {
  /** What the shell makes of its quotes; substitutions as they stand. */
  value: string;
  isQuoted: boolean;
}

/** Reads commands up to a closing bracket, which it leaves. */
export type ListReader = (reader: ShellText) => Shown;

/** Most levels that are looked into. */
export const deepest = 8;

/** Whether there is more to read; each time is a step. */
export function hasMore(reader: ShellText): boolean {
  return reader.at < reader.text.length && reader.budget.left-- > 0;
}

/** The next characters. */
export function isNext(reader: ShellText, sign: string): boolean {
  return reader.text.startsWith(sign, reader.at);
}

/** Read a word up to a blank or an operator. Its quoted parts are data, what is substituted in them is not. */
export function readWord(reader: ShellText, readList: ListReader): ShellWord {
  const word: ShellWord = { raw: '', bare: '', value: '', isQuoted: false };
  while (hasMore(reader)) {
    const sign = reader.text[reader.at]!;
    const isProcess = /^[<>]\($/.test(reader.text.slice(reader.at, reader.at + 2));
    if (!isProcess && /[\s;&|<>()]/.test(sign)) break;
    readPart(reader, sign, word, readList);
  }
  return word;
}

function readPart(reader: ShellText, sign: string, word: ShellWord, readList: ListReader): void {
  if (sign === '"') readDouble(reader, word, readList);
  else if (sign === "'" || isNext(reader, "$'")) readSingle(reader, word);
  else if (sign === '\\') readEscaped(reader, word);
  else if (!readSubstitution(reader, word, readList)) add(word, take(reader, 1));
}

function readSingle(reader: ShellText, word: ShellWord): void {
  const isAnsi = isNext(reader, '$');
  const start = reader.at;
  reader.at += isAnsi ? 2 : 1;
  let value = '';
  while (hasMore(reader) && !isNext(reader, "'")) {
    if (isAnsi && isNext(reader, '\\')) reader.at += 1;
    value += take(reader, 1);
  }
  reader.at += 1;
  addData(word, reader.text.slice(start, reader.at), value);
}

function readEscaped(reader: ShellText, word: ShellWord): void {
  const raw = take(reader, 2);
  addData(word, raw, raw === '\\\n' ? '' : raw.slice(1), '');
}

function readDouble(reader: ShellText, word: ShellWord, readList: ListReader): void {
  const inner: ShellWord = { raw: take(reader, 1), bare: '', value: '', isQuoted: true };
  while (hasMore(reader) && !isNext(reader, '"')) {
    if (isNext(reader, '\\')) {
      const raw = take(reader, 2);
      addData(inner, raw, /^\\["\\$`]$/.test(raw) ? raw.slice(1) : raw === '\\\n' ? '' : raw, '');
    } else if (!readSubstitution(reader, inner, readList)) {
      const raw = take(reader, 1);
      addData(inner, raw, raw, '');
    }
  }
  addData(word, inner.raw + take(reader, 1), inner.value, `"${inner.bare}"`);
}

/** What a command prints in place of itself: its commands are carried out, wherever they stand. */
export function readSubstitution(reader: ShellText, word: ShellWord, readList: ListReader): boolean {
  const start = reader.at;
  if (reader.depth >= deepest) return false;
  if (isNext(reader, '$((')) {
    const end = reader.text.indexOf('))', reader.at);
    add(word, take(reader, end < 0 ? 3 : end + 2 - reader.at));
    return true;
  }
  if (isNext(reader, '`')) return readBackticks(reader, word, readList);
  if (!/^[$<>]\($/.test(reader.text.slice(start, start + 2))) return false;
  reader.at += 2;
  const within = { ...reader, depth: reader.depth + 1, isInBrackets: true as const };
  const shown = readList(within);
  reader.at = Math.min(reader.text.length, within.at + 1);
  addShown(word, reader.text.slice(start, reader.at), `${reader.text.slice(start, start + 2)}${shown.bare})`);
  return true;
}

function readBackticks(reader: ShellText, word: ShellWord, readList: ListReader): boolean {
  const start = reader.at;
  reader.at += 1;
  let text = '';
  while (hasMore(reader) && !isNext(reader, '`')) {
    if (/^\\[\\`$]$/.test(reader.text.slice(reader.at, reader.at + 2))) reader.at += 1;
    text += take(reader, 1);
  }
  reader.at = Math.min(reader.text.length, reader.at + 1);
  const { bare } = readList({ text, at: 0, depth: reader.depth + 1, budget: reader.budget });
  addShown(word, reader.text.slice(start, reader.at), `\`${bare}\``);
  return true;
}

/** So many characters. */
export function take(reader: ShellText, count: number): string {
  const taken = reader.text.slice(reader.at, reader.at + count);
  reader.at += taken.length;
  return taken;
}

function add(word: ShellWord, text: string): void {
  addShown(word, text, text);
}

function addShown(word: ShellWord, raw: string, bare: string): void {
  word.raw += raw;
  word.bare += bare;
  word.value += raw;
}

function addData(word: ShellWord, raw: string, value: string, bare = '""'): void {
  word.raw += raw;
  word.bare += bare;
  word.value += value;
  word.isQuoted = true;
}
