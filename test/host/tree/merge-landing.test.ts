import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HeldDirectory } from '../../../src/host/tree/held-directory.ts';
import { Taken } from '../../../src/host/tree/landing.ts';
import { MergeLanding } from '../../../src/host/tree/merge-landing.ts';

const landing = new MergeLanding(0o027);
let dir = '';
let held: HeldDirectory;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-landing-'));
  for (const name of ['here', 'outside', 'here/directory']) mkdirSync(join(dir, name));
  writeFileSync(join(dir, 'outside/file'), 'outside');
  writeFileSync(join(dir, 'here/file'), 'old');
  symlinkSync('../outside', join(dir, 'here/link'));
  held = HeldDirectory.at(join(dir, 'here'));
});
afterEach(() => {
  held[Symbol.dispose]();
  rmSync(dir, { recursive: true });
});

const at = (name: string) => Buffer.from(name);
const content = (name: string) => readFileSync(join(dir, name), 'utf8');

describe('MergeLanding', () => {
  test('has a file stand under its name when it is complete, and nothing of one that is dropped', () => {
    for (const name of ['file', 'new']) {
      const dropped = landing.file(held, at(name));
      writeSync(dropped.fd, 'half');
      dropped.drop();
      const file = landing.file(held, at(name));
      writeSync(file.fd, 'whole');
      expect(readdirSync(join(dir, 'here')).includes('new')).toBe(false);
      expect(content('here/file')).toBe(name === 'file' ? 'old' : 'whole');
      file.keep();
      expect(content(`here/${name}`)).toBe('whole');
      if (name === 'file') continue;
      expect(readdirSync(join(dir, 'here')).toSorted()).toEqual(['directory', 'file', 'link', 'new']);
    }
  });

  test('leaves nothing of a link that cannot stand under its name', () => {
    const rename = () => {
      throw Object.assign(new Error('no'), { code: 'EPERM' });
    };
    const refusing = Object.create(held, { rename: { value: rename } }) as HeldDirectory;
    for (const method of ['look', 'makeLink', 'removeIfThere'] as const)
      Object.defineProperty(refusing, method, { value: held[method].bind(held) });
    expect(() => landing.link(refusing, at('link'), at('x'))).toThrow('no');
    expect(readdirSync(join(dir, 'here')).toSorted()).toEqual(['directory', 'file', 'link']);
    expect(readlinkSync(join(dir, 'here/link'))).toBe('../outside');
  });

  test('leaves what is of another kind, and what links lead to, as it is', () => {
    for (const name of ['directory', 'link']) expect(() => landing.file(held, at(name))).toThrow(Taken);
    for (const name of ['file', 'link']) expect(() => landing.directory(held, at(name))).toThrow(Taken);
    for (const name of ['file', 'directory']) expect(() => landing.link(held, at(name), at('x'))).toThrow(Taken);
    expect(content('outside/file') + content('here/file')).toBe('outsideold');
    expect(readdirSync(join(dir, 'here')).toSorted()).toEqual(['directory', 'file', 'link']);
  });

  test('replaces a link by a link, and goes on in a directory that is there', () => {
    landing.link(held, at('link'), at('elsewhere'));
    expect(readlinkSync(join(dir, 'here/link'))).toBe('elsewhere');
    for (const { name, isNew } of [
      { name: 'directory', isNew: false },
      { name: 'fresh', isNew: true },
    ]) {
      const landed = landing.directory(held, at(name));
      expect(landed.isNew).toBe(isNew);
      landed.held[Symbol.dispose]();
    }
  });

  test('gives nobody more than the umask does, and no setuid', () => {
    expect([landing.mode(0o6777), landing.mode(0o644), landing.mode(0o400)]).toEqual([0o750, 0o640, 0o400]);
  });

  test('tells what is about one place from what is about the disk', () => {
    const reason = (code: string) => landing.reason(Object.assign(new Error(), { code }));
    expect([reason('EACCES'), reason('ENAMETOOLONG'), landing.reason(new Taken())]).toEqual([
      'unwritable',
      'name',
      'exists',
    ]);
    expect([reason('ENOSPC'), reason('EIO'), landing.reason(new TypeError())]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
