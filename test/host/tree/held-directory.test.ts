import { execFileSync } from 'node:child_process';
import * as fc from 'fast-check';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeldDirectory, isName } from '../../../src/host/tree/held-directory.ts';
import { removeTree } from '../../../src/session/save/remove-tree.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-held-'));
  mkdirSync(join(dir, 'held'));
  mkdirSync(join(dir, 'outside'));
  writeFileSync(join(dir, 'outside/secret'), 'secret');
});
afterEach(() => rmSync(dir, { recursive: true }));

const names = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes));

describe('HeldDirectory', () => {
  test('takes any bytes that are a name, and nothing that leads elsewhere', () => {
    using held = HeldDirectory.at(join(dir, 'held'));
    fc.assert(
      fc.property(names, (name) => {
        fc.pre(isName(name));
        closeSync(held.create(name));
        expect(held.names()).toEqual([name]);
        held.removeFile(name);
      }),
    );
    for (const name of ['..', '.', 'a/b', '../outside', 'a\0b']) expect(() => held.create(name)).toThrow(TypeError);
  });

  test('does not go through a link, as a directory, as a file, or for a new one', () => {
    using held = HeldDirectory.at(join(dir, 'held'));
    symlinkSync('../outside', join(dir, 'held/directory'));
    symlinkSync('../outside/secret', join(dir, 'held/file'));
    symlinkSync('../outside/new', join(dir, 'held/new'));
    expect(() => held.open('directory')).toThrow(/ENOTDIR|ELOOP/);
    expect(() => held.openOrMake('directory')).toThrow(/ENOTDIR|ELOOP/);
    expect(() => held.openFile('file')).toThrow(/ELOOP/);
    expect(() => held.create('new')).toThrow(/EEXIST/);
    expect(held.look('file')?.isSymbolicLink()).toBe(true);
  });

  test('goes on where it is when the way to it leads elsewhere by now', () => {
    using held = HeldDirectory.at(join(dir, 'held'));
    renameSync(join(dir, 'held'), join(dir, 'moved'));
    symlinkSync('outside', join(dir, 'held'));
    closeSync(held.create('file'));
    expect(readdirSync(join(dir, 'moved'))).toEqual(['file']);
    expect(readdirSync(join(dir, 'outside'))).toEqual(['secret']);
  });

  test('does not wait at a FIFO', () => {
    execFileSync('mkfifo', [join(dir, 'held/fifo')]);
    using held = HeldDirectory.at(join(dir, 'held'));
    const fd = held.openFile('fifo');
    expect(fd).toBeGreaterThan(2);
    closeSync(fd);
  });
});

test('removeTree() removes a tree and leaves what its links lead to', () => {
  using held = HeldDirectory.at(dir);
  {
    using inner = held.make('tree');
    inner.makeLink('link', '../outside');
    using deeper = inner.make(Buffer.from([0xff, 0x0a]));
    const fd = deeper.create('file');
    writeSync(fd, 'x');
    closeSync(fd);
  }
  removeTree(held, 'tree');
  removeTree(held, 'tree');
  expect(held.names().map(String).sort()).toEqual(['held', 'outside']);
  expect(readFileSync(join(dir, 'outside/secret'), 'utf8')).toBe('secret');
});
