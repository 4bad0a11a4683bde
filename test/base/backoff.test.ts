import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, reconcileBackoff } from '../../src/base/backoff.ts';

describe('backoffMs()', () => {
  it.each([
    [1, 250],
    [2, 500],
    [5, 4_000],
    [11, 256_000],
    [12, 300_000],
    [1_000_000, 300_000],
  ])('after %i failures waits about %i ms', (failures, ms) => {
    expect(backoffMs(reconcileBackoff, failures, 0.5)).toBeCloseTo(ms, 6);
  });

  it('stays within its jitter, whatever the numbers', () => {
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000 }), share, (failures, random) => {
        const middle = backoffMs(reconcileBackoff, failures, 0.5);
        const wait = backoffMs(reconcileBackoff, failures, random);
        expect(wait).toBeGreaterThanOrEqual(0.8 * middle - 1e-6);
        expect(wait).toBeLessThanOrEqual(1.2 * middle + 1e-6);
      }),
    );
  });

  it('spreads those that fail together', () => {
    const waits = new Set(Array.from({ length: 100 }, (_, index) => backoffMs(reconcileBackoff, 3, index / 100)));
    expect(waits.size).toBe(100);
  });
});
