import type { PlanResult } from './run-plan.ts';

/** What a run of plans is judged by, for people. */
export function figuresOf(results: readonly PlanResult[], seed: number): string {
  const times = results.filter(({ hasFired }) => hasFired).map(({ convergeMs }) => convergeMs);
  const problems = results.flatMap((result) => result.problems);
  const unprotected = problems.filter((problem) => problem.startsWith('unprotected')).length;
  const unsettled = problems.filter((problem) => problem.startsWith('phase')).length;
  const classes = Map.groupBy(results, ({ faultClass }) => faultClass);
  const rows = [...classes]
    .sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1)))
    .map(([name, of]) => {
      const fired = of.filter(({ hasFired }) => hasFired).length;
      const bad = of.filter((result) => result.problems.length > 0).length;
      return `  ${name.padEnd(4)} ${of.length} plans, ${fired} took place, ${bad} went wrong`;
    });
  return [
    `${results.length} plans, seed ${seed}: ${unsettled} ended in another state, ${unprotected} looks saw something unprotected`,
    `  from fault to the world as declared: p50 ${quantile(times, 0.5)} ms, p95 ${quantile(times, 0.95)} ms, longest ${Math.max(0, ...times)} ms`,
    ...rows,
  ].join('\n');
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
