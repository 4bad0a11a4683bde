/** What is put into an archive. Paths are relative; links are taken as they are written. */
export type TarEntry =
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

const block = 512;

/** Longest path, and longest target of a link, that a header holds by itself, in bytes. */
const longestName = 100;

/** Types of entries; the last two hold a name that is too long for the header after them. */
const types = { file: '0', link: '2', directory: '5', longTarget: 'K', longPath: 'L' } as const;

/**
 * An archive whose entries all belong to root, in this order.
 *
 * @param at when they were changed, in milliseconds since 1970
 * @see tar(5), "POSIX ustar Archives" and "GNU Tar Archives": BusyBox knows long names in no other way
 */
export function packTar(entries: readonly TarEntry[], at: number): Uint8Array {
  return Buffer.concat([...entries.flatMap((entry) => packEntry(entry, at)), Buffer.alloc(2 * block)]);
}

function packEntry(entry: TarEntry, at: number): Uint8Array[] {
  const path = entry.kind === 'directory' ? `${entry.path}/` : entry.path;
  const target = entry.kind === 'link' ? entry.target : '';
  const mode = entry.kind === 'link' ? 0o777 : entry.mode;
  const content = entry.kind === 'file' ? entry.content : Buffer.alloc(0);
  return [
    ...longName(types.longTarget, target),
    ...longName(types.longPath, path),
    header({ type: types[entry.kind], path, target, mode, size: content.length, at }),
    ...padded(content),
  ];
}

function longName(type: string, name: string): Uint8Array[] {
  if (Buffer.byteLength(name) <= longestName) return [];
  const content = Buffer.from(`${name}\0`);
  return [
    header({ type, path: '././@LongLink', target: '', mode: 0, size: content.length, at: 0 }),
    ...padded(content),
  ];
}

function padded(content: Uint8Array): Uint8Array[] {
  return [content, Buffer.alloc((block - (content.length % block)) % block)];
}

interface HeaderInit {
  readonly type: string;
  readonly path: string;
  readonly target: string;
  readonly mode: number;
  /** In bytes. */
  readonly size: number;
  readonly at: number;
}

function header({ type, path, target, mode, size, at }: HeaderInit): Buffer {
  const fields = Buffer.alloc(block);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, '0');
  Buffer.from(path).copy(fields, 0, 0, longestName);
  fields.write(octal(mode, 7), 100);
  fields.write(octal(0, 7), 108);
  fields.write(octal(0, 7), 116);
  fields.write(octal(size, 11), 124);
  fields.write(octal(Math.floor(at / 1_000), 11), 136);
  fields.write('        ', 148);
  fields.write(type, 156);
  Buffer.from(target).copy(fields, 157, 0, longestName);
  fields.write('ustar\0', 257);
  fields.write('00', 263);
  const sum = fields.reduce((total, byte) => total + byte, 0);
  fields.write(`${octal(sum, 6)}\0`, 148);
  return fields;
}
