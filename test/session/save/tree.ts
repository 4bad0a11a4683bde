import { createHash } from 'node:crypto';
import { closeSync, constants, lstatSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What is at a path of a tree, by which two trees are compared. */
export interface Seen {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  readonly uid: number;
  /** Permission bits, those of setuid, setgid and sticky included. */
  readonly mode: number;
  /** Of a file its size and a hash of its content, of a link where it leads. */
  readonly content: string;
}

/** Everything in a directory, by paths with each byte as one character. Follows no link. */
export function treeOf(root: string): Map<string, Seen> {
  const seen = new Map<string, Seen>();
  const walk = (path: Buffer, shown: string) => {
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      const child = Buffer.concat([path, Buffer.from('/'), name]);
      const at = shown === '' ? name.toString('latin1') : `${shown}/${name.toString('latin1')}`;
      const what = look(child);
      seen.set(at, what);
      if (what.kind === 'directory') walk(child, at);
    }
  };
  walk(Buffer.from(root), '');
  return seen;
}

function look(path: Buffer): Seen {
  const stats = lstatSync(path);
  const common = { uid: stats.uid, mode: stats.mode & 0o7777 };
  if (stats.isDirectory()) return { ...common, kind: 'directory', content: '' };
  if (stats.isSymbolicLink()) return { ...common, kind: 'symlink', content: readlinkSync(path, 'latin1') };
  if (!stats.isFile()) return { ...common, kind: 'other', content: '' };
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const hash = createHash('sha256').update(readFileSync(fd)).digest('hex').slice(0, 16);
    return { ...common, kind: 'file', content: `${stats.size} ${hash}` };
  } finally {
    closeSync(fd);
  }
}
