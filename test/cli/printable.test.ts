import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonLine, jsonText, printable, printableLines, printableReport } from '../../src/cli/printable.ts';

/** Everything that steers terminals: C0 but the newline, DEL, C1, and signs that turn or break lines. */
const steering = new RegExp(
  String.raw`[\u0000-\u0009\u000B-\u001F\u007F-\u009F\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069]`,
);
const hostile = fc.string({
  unit: fc.oneof(fc.constantFrom('\u001B', '\u009B', '\u202E', '\n', '\r', '"', '\\', 'a'), fc.string()),
});

describe('printable()', () => {
  it('shows what could steer a terminal', () => {
    expect(printable('\u001B]0;owned\u0007\u009B31m\n\u202Etxt.exe')).toBe(
      String.raw`\x1b]0;owned\x07\x9b31m\x0a\u202etxt.exe`,
    );
  });

  it('leaves letters, signs and emoji as they are', () => {
    expect(printable('żółw 日本 👩‍💻 "a\\b"')).toBe('żółw 日本 👩‍💻 "a\\b"');
  });

  it('leaves nothing that could, whatever it is given', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(printable(text)).not.toMatch(steering);
        expect(printable(text)).not.toContain('\n');
        expect(printableLines(text)).not.toMatch(steering);
      }),
    );
  });

  it('reaches every text of a report, keys as well', () => {
    expect(printableReport({ a: ['\u001B', { 'k\u0007': '\u009B' }], n: 1, t: true, none: null })).toEqual({
      a: ['\\x1b', { 'k\\x07': '\\x9b' }],
      n: 1,
      t: true,
      none: null,
    });
  });
});

describe('jsonText() and jsonLine()', () => {
  it('read back as the same value and hold nothing that could steer a terminal', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, fc.oneof(hostile, fc.array(hostile))), (value) => {
        for (const text of [jsonText(value), jsonLine(value)]) {
          expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
          expect(text).not.toMatch(steering);
          expect(text.endsWith('\n')).toBe(true);
        }
        expect(jsonLine(value).indexOf('\n')).toBe(jsonLine(value).length - 1);
      }),
    );
  });
});
