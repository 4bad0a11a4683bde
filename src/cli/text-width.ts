import { stripVTControlCharacters } from 'node:util';

const wide =
  /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Bopomofo}\p{sc=Yi}\p{Emoji_Presentation}\u1100-\u115F\u3000-\u303E\u30A0-\u30FF\uA960-\uA97F\uAC00-\uD7A3\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6]/u;
const zero = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
const narrow = /^[\u0020-\u007E]*$/;
const signs = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** Columns that a text takes in a terminal, without its colours. After Unicode Standard Annex 11, for what terminals agree on. */
export function textWidth(coloured: string): number {
  const text = stripVTControlCharacters(coloured);
  if (narrow.test(text)) return text.length;
  let width = 0;
  for (const { segment } of signs.segment(text)) width += signWidth(segment);
  return width;
}

/** A text without colours, cut to so many columns; a cut one ends with `…`. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let width = 0;
  let cut = '';
  for (const { segment } of signs.segment(text)) {
    width += signWidth(segment);
    if (width > columns - 1) break;
    cut += segment;
  }
  return columns < 1 ? '' : `${cut}…`;
}

/** A text, which may be coloured, with blanks up to so many columns. */
export function padText(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - textWidth(text)));
}

function signWidth(sign: string): number {
  if (zero.test(sign)) return 0;
  return wide.test(sign) ? 2 : 1;
}
