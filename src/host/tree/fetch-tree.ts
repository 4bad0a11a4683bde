import { closeSync, fchmodSync, ftruncateSync, futimesSync } from 'node:fs';
import { SftpError } from '../incus/sftp/sftp-error.ts';
import { chunkBytes, type Handle, type Sftp } from '../incus/sftp/sftp.ts';
import type { DirectoryEntry, FileEntry, LinkEntry } from './entry.ts';
import { inside } from './guest-path.ts';
import type { HeldDirectory } from './held-directory.ts';
import { writeChunk } from './holes.ts';
import type { LandedDirectory, LandedFile, Landing } from './landing.ts';
import { inLanes, type Part } from './lanes.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';

/** Files that are copied at once. */
const filesAtOnce = 8;

/** What {@link TreeFetch} is made from. */
export interface TreeFetchInit {
  readonly sftp: Sftp;
  /** What paths of entries are relative to: absolute, empty for the root. */
  readonly base: Buffer;
  readonly landing: Landing;
  readonly leftOut: LeftOut;
  /** Ends it before its time, with what is half there removed. */
  readonly signal?: AbortSignal;
  /** Told how many bytes more there are. */
  readonly onBytes?: (bytes: number) => void;
  /** Most bytes that are read of a file which says that it has none, as those in /proc do; none unless given. */
  readonly mostUnsized?: number;
}

/** What was copied. */
export interface Copied {
  readonly files: number;
  readonly links: number;
  readonly bytes: number;
}

/** A file that said nothing of its size goes on and on. */
export class Endless extends Error {}

/** Copies a tree out of a sandbox. What cannot be read there, or not be where it is to go, is left out. */
export class TreeFetch {
  readonly #init: TreeFetchInit;
  readonly #pool = new Pool(filesAtOnce);
  readonly #open = new Set<HeldDirectory>();
  #files = 0;
  #links = 0;
  #bytes = 0;

  constructor(init: TreeFetchInit) {
    this.#init = init;
  }

  /** Copies what is in a directory. @throws {Endless}, and the system's own errors that are about the disk as a whole */
  async copy(root: DirectoryEntry, target: HeldDirectory): Promise<Copied> {
    try {
      await this.#fill(root, target);
    } finally {
      // Whatever fails: what is under way still uses descriptors.
      await this.#pool.end().finally(() => this.#open.forEach((directory) => directory[Symbol.dispose]()));
    }
    return { files: this.#files, links: this.#links, bytes: this.#bytes };
  }

  async #fill({ children }: DirectoryEntry, target: HeldDirectory): Promise<{ readonly ended: Promise<unknown> }> {
    const ended: Promise<void>[] = [];
    for (const child of children) {
      this.#init.signal?.throwIfAborted();
      if (child.kind === 'directory') {
        await this.#directory(child, target);
        continue;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      await this.#pool.begin(() => this.#one(child, target).finally(resolve));
      ended.push(promise);
    }
    return { ended: Promise.all(ended) };
  }

  /** Goes on before the last files of the directory are there: small directories would leave the connection idle. */
  async #directory(entry: DirectoryEntry, parent: HeldDirectory): Promise<void> {
    const landed = this.#landed(entry.path, (landing) => landing.directory(parent, entry.name));
    if (!landed) return;
    this.#open.add(landed.held);
    const { ended } = await this.#fill(entry, landed.held);
    this.#pool.follow(this.#finish(ended, landed, entry));
  }

  async #finish(ended: Promise<unknown>, { held, isNew }: LandedDirectory, { mode }: DirectoryEntry): Promise<void> {
    await ended;
    if (isNew) held.setMode(this.#init.landing.mode(mode, 0o700));
    this.#open.delete(held);
    held[Symbol.dispose]();
  }

  async #one(entry: FileEntry | LinkEntry, target: HeldDirectory): Promise<void> {
    try {
      await (entry.kind === 'file' ? this.#file(entry, target) : this.#link(entry, target));
    } catch (error) {
      if (!(error instanceof SftpError)) throw error;
      this.#init.leftOut.add('unreadable', entry.path);
    }
  }

  async #link({ name, path }: LinkEntry, target: HeldDirectory): Promise<void> {
    const destination = await this.#init.sftp.readLink(inside(this.#init.base, path));
    const isThere = this.#landed(path, (landing) => (landing.link(target, name, destination), true));
    if (isThere) this.#links += 1;
  }

  async #file(entry: FileEntry, target: HeldDirectory): Promise<void> {
    const { sftp, base } = this.#init;
    const handle = await sftp.openToRead(inside(base, entry.path));
    try {
      const file = this.#landed(entry.path, (landing) => landing.file(target, entry.name));
      if (file) await this.#write(entry, handle, file);
    } finally {
      await sftp.close(handle);
    }
  }

  async #write(entry: FileEntry, handle: Handle, file: LandedFile): Promise<void> {
    let isKept: boolean | undefined;
    try {
      const bytes = await this.#content(entry, handle, file.fd);
      isKept = this.#landed(entry.path, () => (file.keep(), true));
      if (!isKept) return;
      this.#files += 1;
      this.#bytes += bytes;
    } finally {
      if (!isKept) file.drop();
      closeSync(file.fd);
    }
  }

  /** @returns how many bytes the file has */
  async #content({ size, mode, modifiedS }: FileEntry, handle: Handle, fd: number): Promise<number> {
    let end = size === 0 ? await this.#unsized(handle, fd) : 0;
    await inLanes({ size, partBytes: chunkBytes }, async (part) => {
      end = Math.max(end, await this.#chunk(handle, fd, part));
    });
    ftruncateSync(fd, end);
    fchmodSync(fd, this.#init.landing.mode(mode, 0o600));
    futimesSync(fd, modifiedS, modifiedS);
    return end;
  }

  /** @returns where what was read ends; before it is the file's end if that came earlier than expected */
  async #chunk(handle: Handle, fd: number, { offset, length }: Part): Promise<number> {
    for (let done = 0; done < length;) {
      const at = offset + done;
      const got = await this.#read(handle, fd, { offset: at, length: length - done });
      if (got === 0) return done === 0 ? 0 : at;
      done += got;
    }
    return offset + length;
  }

  async #unsized(handle: Handle, fd: number): Promise<number> {
    const { mostUnsized } = this.#init;
    if (mostUnsized === undefined) return 0;
    for (let end = 0; ;) {
      const got = await this.#read(handle, fd, { offset: end, length: chunkBytes });
      if (got === 0) return end;
      end += got;
      if (end > mostUnsized) throw new Endless();
    }
  }

  async #read(handle: Handle, fd: number, part: Part): Promise<number> {
    this.#init.signal?.throwIfAborted();
    const got = await this.#init.sftp.read(handle, part, (bytes) => writeChunk(fd, bytes, part.offset));
    this.#init.onBytes?.(got);
    return got;
  }

  /** The result, or undefined for what cannot be where it is to go. */
  #landed<T>(path: Buffer, land: (landing: Landing) => T): T | undefined {
    const { landing, leftOut } = this.#init;
    try {
      return land(landing);
    } catch (error) {
      const reason = landing.reason(error);
      if (!reason) throw error;
      leftOut.add(reason, path);
      return undefined;
    }
  }
}
