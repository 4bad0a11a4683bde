import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseSize, renderBytes, renderDuration } from '../../src/base/units.ts';

describe('durations', () => {
  it.each([
    ['90s', 90_000],
    ['2h', 7_200_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1.5h', 5_400_000],
    ['250ms', 250],
    ['1m1ms', 60_001],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '90', 's', '-1s', '1 h', '1h 30m', '1w', '1.h', '.5h', '1e3s', '1h!', '٣s', '1constructor'])(
    '"%s" is none',
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it.each([
    [0, '0s'],
    [999, '0s'],
    [-5_000, '0s'],
    [1_000, '1s'],
    [725_000, '12m 5s'],
    [3_600_000, '1h'],
    [3_605_000, '1h'],
    [273_600_000, '3d 4h'],
    [86_399_999, '23h 59m'],
  ])('%i ms is written %s', (ms, text) => {
    expect(renderDuration(ms)).toBe(text);
  });

  it('read back as they were written, to less than the unit that was left out', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 400 * 86_400_000 }), (ms) => {
        const text = renderDuration(ms);
        const back = parseDuration(text.replaceAll(' ', ''))!;
        expect(back).toBeLessThanOrEqual(ms);
        expect(ms - back).toBeLessThan(ms < 3_600_000 ? 1_000 : ms < 86_400_000 ? 60_000 : 3_600_000);
        expect(renderDuration(back)).toBe(text);
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['4GiB', 4 * 2 ** 30],
    ['4096MiB', 4 * 2 ** 30],
    ['500MB', 500e6],
    ['1024', 1024],
    ['1kB', 1000],
    ['1KiB', 1024],
    ['7B', 7],
    ['2 TiB', 2 * 2 ** 40],
    ['0', 0],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each(['', 'GiB', '-1', '1.5GiB', '1 G', '10%', '1gib', '5constructor', '5toString', '5valueOf', '1GiB\n2'])(
    '"%s" is none',
    (text) => {
      expect(parseSize(text)).toBeUndefined();
    },
  );

  it('are a whole number or none, whatever the text', () => {
    const texts = fc.oneof(fc.string(), fc.stringMatching(/^\d{1,9}[A-Za-z]{0,14}$/));
    fc.assert(
      fc.property(texts, (text) => {
        expect(Number.isInteger(parseSize(text) ?? 0)).toBe(true);
      }),
    );
  });
});

it.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [812.34 * 2 ** 20, '812.3 MiB'],
  [5.5 * 2 ** 40, '5632.0 GiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(renderBytes(bytes)).toBe(text);
});
