import { type FieldReader, uint32 } from './fields.ts';

/** What a file is. `other`: fifo, socket, device, or a kind that the server did not tell. */
export type FileKind = 'file' | 'directory' | 'symlink' | 'other';

/** What is known of a file inside. */
export interface Attributes {
  readonly kind: FileKind;
  /** Bytes; infinity when there are more than anybody can have. */
  readonly size: number;
  /** Permission bits, those of setuid, setgid and sticky included. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly modifiedS: number;
  /** Whose it is, as numbers inside; root's where the server did not tell. */
  readonly uid: number;
  readonly gid: number;
}

/** What is to be so with a file inside; what is not given stays as it is. */
export interface NewAttributes {
  /** Only with `gid`, and the other way round. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
  /** Seconds since 1970, to 2106: SFTP has 32 bits for it. */
  readonly modifiedS?: number;
}

/** Flags that say which attributes follow: draft-ietf-secsh-filexfer-02, section 5. */
const has = { size: 1, owner: 2, permissions: 4, times: 8, extended: 0x8000_0000 };

const kindOf: Readonly<Record<number, FileKind>> = { 0o100_000: 'file', 0o040_000: 'directory', 0o120_000: 'symlink' };

/** Reads attributes, of which a server may leave out any. */
export function readAttributes(fields: FieldReader): Attributes {
  const flags = fields.uint32();
  const size = flags & has.size ? fields.uint64() : 0;
  const uid = flags & has.owner ? fields.uint32() : 0;
  const gid = flags & has.owner ? fields.uint32() : 0;
  const mode = flags & has.permissions ? fields.uint32() : 0;
  if (flags & has.times) fields.uint32();
  const modifiedS = flags & has.times ? fields.uint32() : 0;
  if (flags & has.extended) {
    for (let left = fields.uint32(); left > 0; left -= 1) {
      fields.string();
      fields.string();
    }
  }
  return { kind: kindOf[mode & 0o170_000] ?? 'other', size, mode: mode & 0o7777, modifiedS, uid, gid };
}

/** No attributes at all. */
export const noAttributes = uint32(0);

/**
 * Attributes as SFTP sends them, to be set one after the other: servers as Incus 6.0 has them take several in one request
 * for each other. Owner before permissions: a change of owner may clear some.
 */
export function attributeSets({ uid, gid, mode, modifiedS }: NewAttributes): Buffer[] {
  const sets: Buffer[] = [];
  if (uid !== undefined && gid !== undefined) sets.push(Buffer.concat([uint32(has.owner), uint32(uid), uint32(gid)]));
  if (mode !== undefined) sets.push(Buffer.concat([uint32(has.permissions), uint32(mode)]));
  if (modifiedS !== undefined) {
    const seconds = uint32(Math.min(Math.max(0, Math.floor(modifiedS)), 2 ** 32 - 1));
    sets.push(Buffer.concat([uint32(has.times), seconds, seconds]));
  }
  return sets;
}
