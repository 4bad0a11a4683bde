/** Longest piece of text that a pattern is tried on at once. */
export const pieceLength = 2048;
/** How much of a text patterns look at. */
const textLimit = 16_384;
/** Pieces overlap by so much, so that what lies across their border is found. */
const overlap = 256;
/** Most ways in which a pattern may go through a piece, by the pessimistic count of {@link patternFault}. */
const mostWays = 1_000_000;

/** Whether a text matches a pattern, within bounds. */
export type TextTest = (text: string) => boolean;

/**
 * Compile a regular expression that is safe on hostile text: its worst case is bounded, and so is what it looks at.
 *
 * @returns the test, or what is wrong with the pattern
 */
export function compilePattern(source: string): TextTest | { readonly fault: string } {
  let regex: RegExp;
  try {
    regex = new RegExp(source, 'u');
  } catch (error) {
    return { fault: `It is no regular expression: ${error instanceof Error ? error.message : String(error)}.` };
  }
  const fault = patternFault(source);
  if (fault !== undefined) return { fault };
  const [fromStart, toEnd] = [source.startsWith('^'), source.endsWith('$')];
  return (text) => {
    if (text.length <= pieceLength) return regex.test(text);
    // In a piece from the middle, `^` would hold where the text does not begin.
    if (fromStart || toEnd) return fromStart !== toEnd && regex.test(pieceAt(text, fromStart));
    return testPieces(regex, text.slice(0, textLimit));
  };
}

function pieceAt(text: string, isStart: boolean): string {
  return isStart ? text.slice(0, pieceLength) : text.slice(-pieceLength);
}

function testPieces(regex: RegExp, text: string): boolean {
  for (let start = 0; start < text.length; start += pieceLength - overlap) {
    if (regex.test(text.slice(start, start + pieceLength))) return true;
  }
  return false;
}

/** What of a pattern could make it slow; undefined when nothing can. */
export function patternFault(source: string): string | undefined {
  const reader: Reader = { source, at: 0, steps: 0 };
  const ways = readAlternatives(reader);
  if (typeof ways === 'string') return ways;
  const isAnchored = source.startsWith('^') && !source.includes('|', endOfFirst(source));
  const total = (ways + reader.steps) * (isAnchored ? 1 : pieceLength);
  if (total <= mostWays) return undefined;
  return (
    `It could go through a text in ${total.toLocaleString('en')} ways. ` +
    'Give repetitions a limit, such as {0,3}, begin it with ^, or use several tests.'
  );
}

/** Where the first alternative ends: what follows need not begin with `^`. */
function endOfFirst(source: string): number {
  const reader: Reader = { source, at: 0, steps: 0 };
  readSequence(reader);
  return reader.at;
}

interface Reader {
  readonly source: string;
  at: number;
  /** What is gone through for each place that a match could begin at, where there is only one way. */
  steps: number;
}

/** A part that may be repeated, and in how many ways what is in front of it in its sequence can match. */
interface Atom {
  readonly ways: number;
  readonly text: string;
  readonly before: number;
}

/** In how many ways a part can match, at most; a text when the part is not allowed at all. */
type Ways = number | string;

function readAlternatives(reader: Reader): Ways {
  let sum = 0;
  const texts: string[] = [];
  for (;;) {
    const start = reader.at;
    const ways = readSequence(reader);
    if (typeof ways === 'string') return ways;
    sum += ways;
    texts.push(reader.source.slice(start, reader.at));
    if (reader.source[reader.at] !== '|') return Math.min(sum, longestChain(texts) ?? sum);
    reader.at += 1;
  }
}

/** Of plain texts only those can match at the same place of which one begins with the other. */
function longestChain(texts: readonly string[]): number | undefined {
  const plain = texts.map((each) => each.replaceAll(/\\([./:+])/g, '$1'));
  if (!plain.every((each) => /^[\w /:.<$`@-]*$/.test(each))) return undefined;
  return Math.max(...plain.map((each) => plain.filter((other) => each.startsWith(other)).length));
}

function readSequence(reader: Reader): Ways {
  let product = 1;
  while (reader.at < reader.source.length && !'|)'.includes(reader.source[reader.at]!)) {
    const start = reader.at;
    const atom = readAtom(reader);
    if (typeof atom === 'string') return atom;
    const text = reader.source.slice(start, reader.at);
    const ways = readQuantifier(reader, { ways: atom, text, before: product });
    if (typeof ways === 'string') return ways;
    product *= ways;
  }
  return product;
}

function readAtom(reader: Reader): Ways {
  const sign = reader.source[reader.at]!;
  if (sign === '(') return readGroup(reader);
  if (sign === '[') return skipClass(reader);
  if (sign !== '\\') return advance(reader, 1);
  const rest = reader.source.slice(reader.at);
  if (/^\\(?:[1-9]|k<)/.test(rest)) return 'It refers back to what it matched (\\1), which can take very long.';
  const long = /^\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z])/.exec(rest);
  return advance(reader, long ? long[0].length : 2);
}

function advance(reader: Reader, length: number): number {
  reader.at += length;
  return 1;
}

function skipClass(reader: Reader): number {
  reader.at += 1;
  while (reader.at < reader.source.length && reader.source[reader.at] !== ']') {
    reader.at += reader.source[reader.at] === '\\' ? 2 : 1;
  }
  return advance(reader, 1);
}

function readGroup(reader: Reader): Ways {
  const opening = /^\((?:\?(?:[:=!]|<[=!]|<[A-Za-z_$][\w$]*>|[a-z]*(?:-[a-z]+)?:))?/.exec(
    reader.source.slice(reader.at),
  )!;
  if (/<[=!]$/.test(opening[0])) return 'It looks behind ((?<=…)), which can take very long.';
  reader.at += opening[0].length;
  const ways = readAlternatives(reader);
  reader.at += 1;
  return ways;
}

/** How often the part in front may be there, and in how many ways that can be. */
function readQuantifier(reader: Reader, { ways: atom, text, before }: Atom): Ways {
  const found = /^(?:[*+?]|\{(\d+)(,)?(\d*)\})\??/.exec(reader.source.slice(reader.at));
  if (!found) return atom;
  reader.at += found[0].length;
  const { least, most } = countsOf(found);
  const isChoice = most !== least;
  if (atom === 1) {
    const ways = isChoice ? Math.min(most, pieceLength) - least + 1 : 1;
    if (ways === 1 || !endsByItself(text, reader)) return ways;
    reader.steps += ways * before;
    return 1;
  }
  if (most > 8) return 'It repeats a group that can match in several ways, which can take very long.';
  return Math.min(Number.MAX_SAFE_INTEGER, atom ** most + (isChoice ? 1 : 0));
}

/** Whether a repeated sign cannot be the one that has to follow it: then there is one way to go on. */
function endsByItself(text: string, { source, at }: Reader): boolean {
  const next = /^(?:\\([^\w\s])|([\w /:<>@"'-]))(?![?*{])/.exec(source.slice(at));
  const sign = next?.[1] ?? next?.[2];
  return sign !== undefined && !text.startsWith('(') && !new RegExp(`^${text}$`, 'iu').test(sign);
}

function countsOf([sign, least, comma, most]: RegExpExecArray): { least: number; most: number } {
  if (sign.startsWith('*')) return { least: 0, most: Infinity };
  if (sign.startsWith('+')) return { least: 1, most: Infinity };
  if (sign.startsWith('?')) return { least: 0, most: 1 };
  const from = Number(least);
  return { least: from, most: comma === undefined ? from : most === '' ? Infinity : Number(most) };
}
