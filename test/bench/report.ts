import { loadavg } from 'node:os';

/** One figure, as it is printed: one JSON object a line. */
export interface Figure {
  /** NAME, or NAME.PART where a benchmark has several. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Worst value that is good enough. */
  readonly limit: number;
  readonly better: 'lower' | 'higher';
}

/** Prints a figure, what it was made from, and how busy the machine was. */
export function report({ value, limit, ...figure }: Figure, details: Readonly<Record<string, unknown>> = {}): void {
  const [load = 0] = loadavg();
  const line = { ...figure, value: round(value), limit: round(limit), ...details, load: round(load) };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Tells on stderr what is being done: some benchmarks take minutes. */
export function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}

/**
 * Something of ours beside the bare calls that it cannot do without. Good is a ratio of 1.25, or 150 ms more where the
 * bare calls are quick.
 */
export function reportBeside(name: string, ours: readonly number[], raw: readonly number[]): void {
  const [own, bare] = [percentile(ours, 50), percentile(raw, 50)];
  const details = { runs: ours.length, ms: round(own), rawMs: round(bare), p95Ms: round(percentile(ours, 95)) };
  report({ name, value: own / bare, unit: 'ratio', limit: Math.max(1.25, 1 + 150 / bare), better: 'lower' }, details);
}

/** The value below which `percent` of all lie, by nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Median, the middle half, and the extremes. */
export function quantiles(values: readonly number[]) {
  const at = (percent: number) => round(percentile(values, percent));
  return {
    median: at(50),
    low: at(25),
    high: at(75),
    min: round(Math.min(...values)),
    max: round(Math.max(...values)),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}
