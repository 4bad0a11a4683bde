import { dirname } from 'node:path/posix';

/** A file for a home directory. */
export interface HomeEntry {
  /** Relative. */
  readonly path: string;
  readonly content: Uint8Array;
}

const block = 512;

/** Longest path that a header holds without its extensions, in bytes. */
const longestPath = 100;

/**
 * An archive of files and the directories that they lie in, all for their owner alone.
 *
 * @see tar(5), "POSIX ustar Archives"
 */
export function packFiles(files: readonly HomeEntry[]): Uint8Array {
  const directories = new Set(files.flatMap(({ path }) => parentsOf(path)));
  return Buffer.concat([
    ...[...directories].map((path) => header(`${path}/`, { mode: '0000700', type: '5', size: 0 })),
    ...files.flatMap(({ path, content }) => [
      header(path, { mode: '0000600', type: '0', size: content.length }),
      content,
      Buffer.alloc((block - (content.length % block)) % block),
    ]),
    Buffer.alloc(2 * block),
  ]);
}

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '.' ? [] : [...parentsOf(parent), parent];
}

interface HeaderInit {
  /** Seven octal digits. */
  readonly mode: string;
  readonly type: '0' | '5';
  /** In bytes. */
  readonly size: number;
}

function header(path: string, { mode, type, size }: HeaderInit): Buffer {
  if (Buffer.byteLength(path) > longestPath) throw new Error(`path too long for a header: ${path}`);
  const fields = Buffer.alloc(block);
  const put = (text: string, at: number) => fields.write(text, at, 'utf8');
  put(path, 0);
  put(mode, 100);
  put('0000000', 108);
  put('0000000', 116);
  put(size.toString(8).padStart(11, '0'), 124);
  put(
    Math.floor(Date.now() / 1_000)
      .toString(8)
      .padStart(11, '0'),
    136,
  );
  put('        ', 148);
  put(type, 156);
  put('ustar\0', 257);
  put('00', 263);
  const sum = fields.reduce((total, byte) => total + byte, 0);
  put(`${sum.toString(8).padStart(6, '0')}\0`, 148);
  return fields;
}
