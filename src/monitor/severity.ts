/** How bad something is that was detected, from least to most. */
export const severities = ['info', 'warning', 'high', 'critical'] as const;
export type Severity = (typeof severities)[number];

/** Negative when `a` is less bad than `b`, 0 when they are alike. */
export function compareSeverity(a: Severity, b: Severity): number {
  return severities.indexOf(a) - severities.indexOf(b);
}
