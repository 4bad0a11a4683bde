import { styleText } from 'node:util';
import type { Io, Output } from './io.ts';

/** Colours that output uses. */
export type Style = 'red' | 'green' | 'yellow' | 'dim' | 'bold';

/** Colours text, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Whether the cursor can be moved, to write over what stands there. */
export function isAnimated(output: Output, { env }: Pick<Io, 'env'>): boolean {
  return output.isTTY && env['TERM'] !== 'dumb';
}

/** Colours for an output: only on a terminal that can show them, and unless `NO_COLOR` says otherwise (no-color.org). */
export function painter(output: Output, { env }: Pick<Io, 'env'>): Paint {
  const isPlain = !isAnimated(output, { env }) || Boolean(env['NO_COLOR']);
  return (style, text) => (isPlain ? text : styleText(style, text, { validateStream: false }));
}
