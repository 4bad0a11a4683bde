import { parsePrefix, renderAddress } from './address.ts';
import type { Family } from './address.ts';

/** Ranges `FIRST-LAST`, in order, that together hold every address of a family that none of these prefixes holds. */
export function rangesOutside(family: Family, prefixes: readonly string[]): string[] {
  const width = family === 4 ? 32n : 128n;
  const sorted = prefixes.map((text) => parsePrefix(text)!).toSorted((a, b) => (a.value < b.value ? -1 : 1));
  const ranges: string[] = [];
  const between = (first: bigint, next: bigint): void => {
    if (first >= next) return;
    const [from, to] = [first, next - 1n].map((value) => renderAddress({ family, value }));
    ranges.push(from === to ? from! : `${from}-${to}`);
  };
  let first = 0n;
  for (const { value, length } of sorted) {
    between(first, value);
    const next = value + (1n << (width - BigInt(length)));
    if (next > first) first = next;
  }
  between(first, 1n << width);
  return ranges;
}
