import { posix } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protectedPathFault, resolveProtected } from '../../src/spec/protected-paths.ts';
import { workspaceInside } from '../../src/spec/workspace-path.ts';

describe('a path that is to be protected', () => {
  it.each(['.git/hooks', '.husky/', 'a b/c\\d', "it's $HOME `x`", '…', 'a'.repeat(255)])('%j may be', (path) => {
    expect(protectedPathFault(path)).toBeUndefined();
  });

  it.each([
    '',
    '/',
    '/etc',
    '~/x',
    '~',
    '.',
    '..',
    '../x',
    'a/../b',
    'a/./b',
    'a//b',
    'a\nb',
    'a\0b',
    'a'.repeat(256),
    'a/'.repeat(600),
  ])('%j may not be', (path) => {
    expect(protectedPathFault(path)).toBeTypeOf('string');
  });

  it('never leads out of the workspace', () => {
    const part = fc.oneof(fc.constantFrom('..', '.', '', '~', '/', '\0', '\n'), fc.string());
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        const path = parts.join('/');
        if (protectedPathFault(path) !== undefined) return;
        const [resolved] = resolveProtected({ security: { protected_paths: [path] } });
        expect(posix.resolve('/w', resolved!)).toBe(`/w/${resolved}`);
      }),
    );
  });

  it('is listed once, whatever says so', () => {
    const security = { protected_paths: ['b/', 'a'], additional_protected_paths: ['b', 'a/'] };
    expect(resolveProtected({ security })).toEqual(['a', 'b']);
    expect(resolveProtected({ security, git: { writable_hooks: true } })).toEqual([]);
    expect(resolveProtected({ security: { ...security, disable_protection: true } })).toEqual([]);
  });
});

describe('where the workspace appears inside', () => {
  it.each([
    ['/home/ann/shop', '/home/ann/shop'],
    ['/etc/shop', '/workspace'],
    ['/usr', '/workspace'],
    ['/usrlocal', '/usrlocal'],
    ['/lib64/x', '/workspace'],
  ])('%s: %s', (workspace, inside) => {
    expect(workspaceInside({ workspace, preservesPath: true })).toBe(inside);
    expect(workspaceInside({ workspace })).toBe('/workspace');
  });
});
