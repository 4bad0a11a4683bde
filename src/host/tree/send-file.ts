import { readSync, type Stats } from 'node:fs';
import type { Handle, Sftp } from '../incus/sftp/sftp.ts';
import type { GuestLanding, GuestPath } from './guest-landing.ts';
import { isHole } from './holes.ts';
import { inLanes } from './lanes.ts';

/** Bytes of one request: more than are given in one reply, but not more than Incus' server takes in one packet, 256 KiB. */
const partBytes = 2 ** 17;

/** What {@link FileSend} is made from. */
export interface FileSendInit {
  readonly sftp: Sftp;
  /** Permissions of all files; their own unless given. */
  readonly fileMode?: number;
  /** Ends it before its time, with what is half there removed. */
  readonly signal?: AbortSignal;
  /** Told how many bytes more were written. */
  readonly onBytes?: (bytes: number) => void;
}

/** A file became shorter while it was read. */
export class Shortened extends Error {}

/** Sends files, any number of them at once. */
export class FileSend {
  readonly #init: FileSendInit;
  readonly #landing: GuestLanding;
  /** Used again and again, so that memory does not grow with what passes. */
  readonly #buffers: Buffer[] = [];

  constructor(landing: GuestLanding, init: FileSendInit) {
    this.#init = init;
    this.#landing = landing;
  }

  /** Sends as many bytes as a file has. @throws {Shortened}, and what the landing throws; then nothing is left of it */
  async send(fd: number, { mode, mtimeMs, size }: Stats, place: GuestPath): Promise<void> {
    const { sftp, fileMode = mode & 0o777 } = this.#init;
    const file = await this.#landing.file(place, fileMode);
    try {
      await this.#content(fd, file.handle, size);
      await sftp.setOpen(file.handle, { modifiedS: mtimeMs / 1_000 });
      // Where the disk is full, some file systems only say so now.
      await sftp.close(file.handle);
    } catch (error) {
      await file.drop();
      throw error;
    }
    await file.keep();
  }

  async #content(fd: number, handle: Handle, size: number): Promise<void> {
    await inLanes({ size, partBytes }, async ({ offset, length }) => {
      this.#init.signal?.throwIfAborted();
      const buffer = this.#buffers.pop() ?? Buffer.allocUnsafeSlow(partBytes);
      try {
        const bytes = buffer.subarray(0, length);
        if (readSync(fd, bytes, 0, length, offset) < length) throw new Shortened();
        // The last part says how long the file is, whatever is in it.
        const isLast = offset + length >= size;
        if (isLast || !isHole(bytes)) await this.#init.sftp.write(handle, offset, bytes);
        this.#init.onBytes?.(length);
      } finally {
        this.#buffers.push(buffer);
      }
    });
  }
}
