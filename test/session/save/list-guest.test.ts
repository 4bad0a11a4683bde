import { expect, test } from 'vitest';
import { string, uint32, uint64 } from '../../../src/host/incus/sftp/fields.ts';
import type { DirectoryEntry } from '../../../src/host/tree/entry.ts';
import { LeftOut } from '../../../src/host/tree/left-out.ts';
import { GuestList } from '../../../src/session/save/list-guest.ts';
import { Peer, reply, status } from '../../host/incus/sftp/peer.ts';

const [directory, file, fifo] = [0o040755, 0o100644, 0o010644];
const attributes = (mode: number) => Buffer.concat([uint32(1 | 4), uint64(1), uint32(mode)]);

/** Has every directory hold the same names, of which those that end in `/` are directories, in `|` fifos. */
async function listed(names: readonly string[], limits = { maxEntries: 1_000, maxDepth: 3 }) {
  let asked = 0;
  let left = 0;
  const entries = names.map((name) => {
    const isDirectory = name.length > 1 && name.endsWith('/');
    const bytes = Buffer.from(isDirectory ? name.slice(0, -1) : name);
    return Buffer.concat([
      string(bytes),
      string(Buffer.alloc(0)),
      attributes(isDirectory ? directory : name.endsWith('|') ? fifo : file),
    ]);
  });
  using peer = await Peer.open((id, packet) => {
    asked += 1;
    if (packet[0] === 7) return reply(105, id, attributes(directory));
    if (packet[0] === 11) {
      left = 1;
      return reply(102, id, string(Buffer.from('handle')));
    }
    if (packet[0] === 4) return status(id, 0);
    left -= 1;
    return left < 0 ? status(id, 1) : reply(104, id, uint32(entries.length), ...entries);
  });
  const leftOut = new LeftOut();
  const place = { home: '/home/code', paths: ['.claude'], exclude: [] };
  const root = await new GuestList({ sftp: peer.client, place, limits, leftOut }).read();
  return { claude: root!.children[0] as DirectoryEntry, leftOut: leftOut.report(), asked };
}

test('names that are none are left out, whatever they would lead to', async () => {
  const names = ['../up', '/etc/passwd', 'a/b', '', 'nul\0', '/', '..', '.', 'fine'];
  const { claude, leftOut } = await listed(names);
  expect(claude.children.map(({ name }) => name.toString())).toEqual(['fine']);
  expect(leftOut.count).toBe(6);
  expect(new Set(leftOut.examples.map(({ reason }) => reason))).toEqual(new Set(['name']));
});

test('a tree without end is listed to its limits and no further', async () => {
  const { leftOut, asked } = await listed(['a', 'b/']);
  expect(leftOut.examples).toEqual([{ path: '.claude/b/b', reason: 'too-deep' }]);
  expect(asked).toBeLessThan(20);
});

test('a directory that never ends is given up at the limit', async () => {
  const names = Array.from({ length: 100 }, (_, number) => `f${number}`);
  const { claude, leftOut } = await listed(names, { maxEntries: 10, maxDepth: 64 });
  expect(claude.children).toHaveLength(10);
  expect(leftOut).toMatchObject({ count: 1, examples: [{ path: '.claude', reason: 'too-many' }] });
});

test('what is not copied counts as well: neither fifos nor odd names make it go on for ever', async () => {
  for (const nameOf of [(number: number) => `f${number}|`, (number: number) => `a/${number}`]) {
    const names = Array.from({ length: 100 }, (_, number) => nameOf(number));
    const { claude, leftOut } = await listed(names, { maxEntries: 10, maxDepth: 64 });
    expect(claude.children).toEqual([]);
    expect(leftOut.count).toBe(11);
    expect(leftOut.examples.at(-1)).toEqual({ path: '.claude', reason: 'too-many' });
  }
});
