import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { rows } from './rows.ts';

describe('what is said to be proven', () => {
  it.each(Object.entries(rows))('%s has the tests that are named', (id, { file, tests }) => {
    expect(id).toMatch(/^[A-Z]-\d\d$/);
    expect(tests.length).toBeGreaterThan(0);
    const text = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
    for (const test of tests) expect(text).toContain(`it('${test}'`);
  });

  it('leaves out no number of a session that begins with U', () => {
    const numbers = Object.keys(rows).filter((id) => id.startsWith('U-'));
    expect(numbers).toEqual(
      ['01', '02', '03', '04', '05', '06', '07', '08', '09', '10'].map((number) => `U-${number}`),
    );
  });
});
