import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Problem } from '../../src/base/problem.ts';
import { parseGuestAddress } from '../../src/cli/guest-address.ts';
import { isName } from '../../src/host/tree/held-directory.ts';

describe('a place in a container', () => {
  it.each([
    { text: 'c:/tmp/x', path: 'tmp/x', name: 'x', isDirectory: false, isContents: false },
    { text: 'c:tmp/x', path: 'tmp/x', name: 'x', isDirectory: false, isContents: false },
    { text: 'c:/tmp//./x/', path: 'tmp/x', name: 'x', isDirectory: true, isContents: false },
    { text: 'c:/tmp/.', path: 'tmp', name: 'tmp', isDirectory: true, isContents: true },
    { text: 'c:/', path: '', name: '', isDirectory: true, isContents: true },
    { text: 'c:/a b:c\n', path: 'a b:c\n', name: 'a b:c\n', isDirectory: false, isContents: false },
    { text: 'c:/...', path: '...', name: '...', isDirectory: false, isContents: false },
  ])('$text is $path', ({ text, path, name, ...rest }) => {
    expect(parseGuestAddress(text)).toEqual({
      container: 'c',
      path: Buffer.from(path),
      name: Buffer.from(name),
      ...rest,
    });
  });

  it.each(['', 'c', 'c:', ':/tmp', '/tmp/x'])('is not in %j, which is exit code 2', (text) => {
    expect(() => parseGuestAddress(text)).toThrow(expect.objectContaining({ code: 'cli.usage', exitCode: 2 }));
  });

  it('leads down, whatever is written', () => {
    const part = fc
      .oneof(fc.constantFrom('..', '.', '', '...', ' ', '-r'), fc.string())
      .filter((each) => !each.includes('\0'));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1 }), (parts) => {
        const path = `/${parts.join('/')}`;
        expect(wayOf(`c:${path}`)).toBe(path.split('/').includes('..') ? 'file.path' : 'down');
      }),
    );
  });
});

/** Whether a place is below the root, or why it is refused. */
function wayOf(text: string): string {
  try {
    const { path } = parseGuestAddress(text);
    const names = path.length === 0 ? [] : path.toString().split('/');
    return names.every((name) => isName(Buffer.from(name))) ? 'down' : 'elsewhere';
  } catch (error) {
    return (error as Problem).code;
  }
}
