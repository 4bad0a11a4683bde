import Table from 'cli-table3';
import { textWidth } from './text-width.ts';

/** What a table is made from. Texts must be printable already; they may be coloured. */
export interface TableInit {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Width to fit into, by shortening the last column; endless when left out. */
  readonly width?: number | undefined;
}

const gap = 2;
const noBorders = Object.fromEntries(
  ['top', 'bottom', 'mid', 'left', 'right', 'middle'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [`${side}${part}`, '']),
  ),
);

/** Aligned columns without borders, each line without blanks at its end. */
export function renderTable({ head, rows, width }: TableInit): string {
  const table = new Table({
    head: [...head],
    chars: { ...noBorders, middle: ' '.repeat(gap) },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    ...(width !== undefined && { colWidths: [...head.slice(1).map(() => null), lastWidth({ head, rows, width })] }),
  });
  table.push(...rows.map((row) => [...row]));
  return table
    .toString()
    .split('\n')
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}

const narrowest = 12;

function lastWidth({ head, rows, width }: { head: TableInit['head']; rows: TableInit['rows']; width: number }): number {
  const others = head.slice(0, -1).map((_, column) => widthOf([head, ...rows].map((row) => row[column] ?? '')));
  return Math.max(narrowest, width - others.reduce((sum, each) => sum + each + gap, 0));
}

function widthOf(texts: readonly string[]): number {
  return Math.max(...texts.map(textWidth));
}
