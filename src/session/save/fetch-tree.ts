import { closeSync, fchmodSync, ftruncateSync, futimesSync } from 'node:fs';
import type { Handle, Sftp } from '../../host/incus/sftp/sftp.ts';
import { SftpError } from '../../host/incus/sftp/sftp-error.ts';
import type { DirectoryEntry, FileEntry, LinkEntry } from './entry.ts';
import type { GuestPlace } from './guest-place.ts';
import { codeOf, type HeldDirectory } from './held-directory.ts';
import { writeChunk } from './holes.ts';
import { inLanes, type Part } from './lanes.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';

/** Files that are copied at once. */
const filesAtOnce = 8;

/** Names that a sandbox's file system takes and the host's does not, or takes for one and the same. */
const nameFaults = new Set(['EEXIST', 'ENAMETOOLONG', 'EILSEQ', 'EINVAL']);

/** What {@link TreeFetch} is made from. */
export interface TreeFetchInit {
  readonly sftp: Sftp;
  readonly place: GuestPlace;
  readonly leftOut: LeftOut;
}

/** What was copied. */
export interface Copied {
  readonly files: number;
  readonly bytes: number;
}

/**
 * Copies a tree out of a sandbox. What cannot be read there, or has a name that the host does not take, is left out;
 * what the host's disk refuses ends it. Permissions are the owner's at least; setuid, setgid and sticky are dropped.
 */
export class TreeFetch {
  readonly #init: TreeFetchInit;
  readonly #pool = new Pool(filesAtOnce);
  readonly #open = new Set<HeldDirectory>();
  #files = 0;
  #bytes = 0;

  constructor(init: TreeFetchInit) {
    this.#init = init;
  }

  /** @param target an empty directory */
  async copy(root: DirectoryEntry, target: HeldDirectory): Promise<Copied> {
    try {
      await this.#fill(root, target);
    } finally {
      // Whatever fails: what is under way still uses descriptors.
      await this.#pool.end().finally(() => this.#open.forEach((directory) => directory[Symbol.dispose]()));
    }
    return { files: this.#files, bytes: this.#bytes };
  }

  async #fill({ children }: DirectoryEntry, target: HeldDirectory): Promise<{ readonly ended: Promise<unknown> }> {
    const ended: Promise<void>[] = [];
    for (const child of children) {
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
    const target = this.#named(entry.path, () => parent.make(entry.name));
    if (!target) return;
    this.#open.add(target);
    const { ended } = await this.#fill(entry, target);
    this.#pool.follow(this.#finish(ended, target, entry));
  }

  async #finish(ended: Promise<unknown>, target: HeldDirectory, { mode }: DirectoryEntry): Promise<void> {
    await ended;
    target.setMode(0o700 | (mode & 0o777));
    this.#open.delete(target);
    target[Symbol.dispose]();
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
    const destination = await this.#init.sftp.readLink(this.#inside(path));
    this.#named(path, () => target.makeLink(name, destination));
  }

  async #file(entry: FileEntry, target: HeldDirectory): Promise<void> {
    const { sftp } = this.#init;
    const handle = await sftp.openToRead(this.#inside(entry.path));
    try {
      const fd = this.#named(entry.path, () => target.create(entry.name));
      if (fd === undefined) return;
      try {
        await this.#content(entry, handle, fd);
      } catch (error) {
        target.removeFile(entry.name);
        throw error;
      } finally {
        closeSync(fd);
      }
    } finally {
      await sftp.close(handle);
    }
  }

  async #content({ size, mode, modifiedS }: FileEntry, handle: Handle, fd: number): Promise<void> {
    let end = 0;
    await inLanes(size, async (part) => {
      end = Math.max(end, await this.#chunk(handle, fd, part));
    });
    ftruncateSync(fd, end);
    fchmodSync(fd, 0o600 | (mode & 0o777));
    futimesSync(fd, modifiedS, modifiedS);
    this.#files += 1;
    this.#bytes += end;
  }

  /** @returns where what was read ends; before it is the file's end if that came earlier than expected */
  async #chunk(handle: Handle, fd: number, { offset, length }: Part): Promise<number> {
    for (let done = 0; done < length;) {
      const at = offset + done;
      const part = { offset: at, length: length - done };
      const got = await this.#init.sftp.read(handle, part, (bytes) => writeChunk(fd, bytes, at));
      if (got === 0) return done === 0 ? 0 : at;
      done += got;
    }
    return offset + length;
  }

  /** The result, or undefined for a name that the host does not take. */
  #named<T>(path: Buffer, make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      if (!nameFaults.has(codeOf(error) ?? '')) throw error;
      this.#init.leftOut.add('name', path);
      return undefined;
    }
  }

  #inside(path: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#init.place.home}/`), path]);
  }
}
