const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;

/**
 * Numbers as small bars, one each, the newest last.
 *
 * @param columns how many of the newest are shown; fewer are filled up with blanks in front
 * @param highest what a full bar stands for, at least; more makes all bars smaller
 */
export function sparkline(values: readonly number[], columns: number, highest = 0): string {
  const shown = values.slice(-columns).map((value) => (Number.isFinite(value) ? Math.max(0, value) : 0));
  const top = Math.max(highest, ...shown);
  const line = shown.map((value) => bars[top > 0 ? Math.round((value / top) * (bars.length - 1)) : 0]!);
  return line.join('').padStart(columns);
}
