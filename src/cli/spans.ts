import type { Paint, Style } from './style.ts';
import { cutText, textWidth } from './text-width.ts';

/** A part of a line that looks the same all over. Its text is printable. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** A line, cut to so many columns before it is coloured. */
export function renderSpans(line: readonly Span[], paint: Paint, columns = Infinity): string {
  let left = columns;
  let rendered = '';
  for (const { text, style } of line) {
    const shown = Number.isFinite(left) ? cutText(text, left) : text;
    rendered += style === undefined || shown === '' ? shown : paint(style, shown);
    left -= textWidth(text);
    if (left <= 0) break;
  }
  return rendered;
}
