import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseMetadata, renderMetadata } from '../../../src/session/save/metadata.ts';

const metadata = fc.record({
  id: fc.uuid(),
  container: fc.string(),
  persistent: fc.boolean(),
  // Quotes, line breaks, backslashes: a path may have them all.
  workspace: fc.string({ unit: 'grapheme' }),
  savedAt: fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2999-01-01') }).map((d) => d.toISOString()),
  leftOut: fc.nat(),
});

test('metadata is read as it was written, whatever the workspace is called', () => {
  fc.assert(
    fc.property(metadata, (each) => {
      expect(parseMetadata(renderMetadata(each), each.id)).toEqual(each);
    }),
  );
});

test('metadata has the fields of the original', () => {
  const text = renderMetadata({
    id: 'a',
    container: 'coi-bbb41b38-1',
    persistent: true,
    workspace: '/tmp/"quoted"\\dir',
    savedAt: '2026-01-02T03:04:05.000Z',
    leftOut: 0,
  });
  expect(JSON.parse(text)).toEqual({
    session_id: 'a',
    container_name: 'coi-bbb41b38-1',
    persistent: true,
    workspace: '/tmp/"quoted"\\dir',
    saved_at: '2026-01-02T03:04:05.000Z',
  });
});

test("the original's metadata is read", () => {
  const text = `{
  "session_id": "a",
  "container_name": "coi-bbb41b38-1",
  "persistent": false,
  "workspace": "/tmp/testdir",
  "saved_at": "2025-11-30T10:00:00+01:00"
}`;
  expect(parseMetadata(text, 'a')).toMatchObject({ workspace: '/tmp/testdir', leftOut: 0 });
});

test('a text that was cut off, or of another session, is none', () => {
  fc.assert(
    fc.property(metadata, fc.nat(), (each, at) => {
      const text = renderMetadata(each).trimEnd();
      expect(parseMetadata(text.slice(0, at % text.length), each.id)).toBeUndefined();
      expect(parseMetadata(text, `${each.id}x`)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(parseMetadata(text, 'a')).toBeUndefined();
    }),
  );
});
