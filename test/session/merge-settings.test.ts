import { assert, dictionary, jsonValue, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeSettings } from '../../src/session/merge-settings.ts';

const merged = (text: string | undefined, keys: Parameters<typeof mergeSettings>[1]): unknown =>
  JSON.parse(mergeSettings(text, keys, 'settings.json'));

describe('mergeSettings()', () => {
  it('keeps what the user has at every depth, and replaces what is ours', () => {
    const user = { theme: 'dark', env: { A: '1', deep: { x: 1 } }, list: [1, 2], mode: { a: 1 } };
    expect(merged(JSON.stringify(user), { env: { B: '2', deep: { y: 2 } }, list: [3], mode: 'plain' })).toEqual({
      theme: 'dark',
      env: { A: '1', B: '2', deep: { x: 1, y: 2 } },
      list: [3],
      mode: 'plain',
    });
  });

  it.each([undefined, '', ' \n'])('makes a file where there is none: %j', (text) => {
    expect(merged(text, { a: 1 })).toEqual({ a: 1 });
  });

  it.each(['{"token": "s3cret", }', '[1]', '"text"', 'null'])(
    'refuses to overwrite what it cannot read: %s',
    (text) => {
      expect(() => mergeSettings(text, { a: 1 }, 'f.json')).toThrow(expect.objectContaining({ code: 'tool.settings' }));
      expect(() => mergeSettings(text, { a: 1 }, 'f.json')).not.toThrow(/s3cret/);
    },
  );

  it('loses no key of the user, whatever he calls it', () => {
    assert(
      property(dictionary(string(), jsonValue()), (user) => {
        const { 'ours only': _ours, ...before } = JSON.parse(JSON.stringify(user)) as Record<string, unknown>;
        expect(merged(JSON.stringify(user), { 'ours only': true })).toEqual({ ...before, 'ours only': true });
      }),
    );
    expect(merged('{"__proto__": {"a": 1}}', { b: 2 })).toEqual(JSON.parse('{"__proto__": {"a": 1}, "b": 2}'));
  });
});
