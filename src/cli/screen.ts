import type { Io } from './io.ts';
import { isAnimated } from './style.ts';

/** A picture that is drawn again and again. */
export interface Screen extends Disposable {
  /** Lines that fit; undefined where there is no end to them. */
  readonly rows: number | undefined;
  /** Columns that fit; undefined where there is no end to them. */
  readonly columns: number | undefined;
  /** Show a picture in place of the last one. */
  draw(lines: readonly string[]): void;
}

/** Where a terminal does not say how high it is. */
const usualRows = 24;

const escape = (sequence: string): string => `\u001B[${sequence}`;
/** See "Private Modes" in xterm's control sequences: another screen (1049), the cursor (25). */
const enter = escape('?1049h') + escape('?25l');
const leave = escape('?25h') + escape('?1049l');
/** Terminals that know it (2026, "Synchronized Output") show what is between at once; others pass it over. */
const begin = escape('?2026h') + escape('H');
const end = escape('J') + escape('?2026l');

/** On a terminal a screen of its own, until disposed of; elsewhere one picture below the other, with an empty line between. */
export function openScreen(io: Io): Screen {
  if (!isAnimated(io.stdout, io)) return plainScreen(io);
  io.stdout.write(enter);
  return {
    get rows() {
      return io.terminal?.rows || usualRows;
    },
    get columns() {
      return io.stdout.columns;
    },
    draw(lines) {
      // What stands there is written over, not cleared first: nothing flickers.
      const picture = lines.slice(0, this.rows).map((line) => `${line}${escape('K')}`);
      io.stdout.write(`${begin}${picture.join('\r\n')}${end}`);
    },
    [Symbol.dispose]: () => void io.stdout.write(leave),
  };
}

function plainScreen({ stdout }: Io): Screen {
  let count = 0;
  return {
    rows: undefined,
    columns: undefined,
    draw(lines) {
      stdout.write(`${count === 0 ? '' : '\n'}${lines.join('\n')}\n`);
      count += 1;
    },
    [Symbol.dispose]: () => undefined,
  };
}
