/** The numbers that a version begins with: `6.0.4`, `6.18.44-fc`, `nftables v1.0.6 (Lester Gooch #5)`; undefined for none. */
export function versionIn(text: string): readonly number[] | undefined {
  return /\d+(?:\.\d+)+/.exec(text)?.[0].split('.').map(Number);
}

/** Whether a version comes before another one. What is not written counts as 0. */
export function isOlder(version: readonly number[], than: readonly number[]): boolean {
  const length = Math.max(version.length, than.length);
  const differences = Array.from({ length }, (_, at) => (version[at] ?? 0) - (than[at] ?? 0));
  return (differences.find((difference) => difference !== 0) ?? 0) < 0;
}
