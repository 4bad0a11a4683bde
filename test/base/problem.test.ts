import { describe, expect, it } from 'vitest';
import { messageOf, Problem, ProblemList, renderPosition, renderProblem } from '../../src/base/problem.ts';

const position = { file: 'desired-state/shop.toml', line: 7, column: 3 };

describe('a problem', () => {
  it('says where, what, and what to do next', () => {
    const problem = new Problem({
      code: 'spec.unknown-key',
      message: 'There is no key "imagge"',
      hint: 'Did you mean "image"?',
      position,
    });
    expect(renderProblem(problem)).toBe(
      'desired-state/shop.toml:7:3: There is no key "imagge"\n  Did you mean "image"?',
    );
  });

  it('is one line where there is nothing more to say', () => {
    expect(renderProblem(new Problem({ code: 'a.b', message: 'It is full' }))).toBe('It is full');
  });

  it('is not tried again unless it says so', () => {
    expect(new Problem({ code: 'a.b', message: '' }).retry).toBe('never');
    expect(new Problem({ code: 'a.b', message: '', retry: 'conflict' }).retry).toBe('conflict');
  });

  it('keeps its cause, and has none that nobody gave', () => {
    const cause = new Error('below');
    expect(new Problem({ code: 'a.b', message: '', cause }).cause).toBe(cause);
    expect(Object.hasOwn(new Problem({ code: 'a.b', message: '' }), 'cause')).toBe(false);
  });
});

describe('a list of problems', () => {
  const list = new ProblemList([
    new Problem({ code: 'a.b', message: 'One', position }),
    new Problem({ code: 'c.d', message: 'Two', hint: 'Do it' }),
  ]);

  it('shows every one of them', () => {
    expect(renderProblem(list)).toBe('desired-state/shop.toml:7:3: One\nTwo\n  Do it');
    expect(list.message).toBe('One; Two');
  });

  it('has the code of its first', () => {
    expect(list.code).toBe('a.b');
  });
});

describe('a position', () => {
  it.each([
    [{ file: 'a.toml' }, 'a.toml'],
    [{ file: 'a.toml', line: 2 }, 'a.toml:2'],
    [{ file: 'a.toml', line: 2, column: 9 }, 'a.toml:2:9'],
  ])('%o is %s', (given, text) => {
    expect(renderPosition(given)).toBe(text);
  });
});

describe('messageOf()', () => {
  it.each([
    [new Error('x'), 'x'],
    ['text', 'text'],
    [undefined, 'undefined'],
    [7, '7'],
  ])('%o is %s', (thrown, text) => {
    expect(messageOf(thrown)).toBe(text);
  });
});
