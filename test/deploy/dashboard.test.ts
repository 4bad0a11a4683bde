import { expect, test } from 'vitest';
import { dashboard } from './dashboard.ts';

test('no two panels of the dashboard share an id or a place', () => {
  const places = dashboard.panels.flatMap(({ title, gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, n) => `${x + (n % w)},${y + Math.floor(n / w)} ${title}`),
  );
  const taken = places.map((place) => place.split(' ', 1)[0]);
  expect(new Set(taken).size).toBe(taken.length);
  const ids = dashboard.panels.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
});

test('every panel of the dashboard but the headings has a query and a title', () => {
  for (const panel of dashboard.panels) {
    expect(panel.title).not.toBe('');
    expect((panel.targets?.length ?? 0) > 0).toBe(panel.type !== 'row');
  }
});
