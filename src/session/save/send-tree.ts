import { closeSync, fstatSync, readSync, type Stats } from 'node:fs';
import { Problem } from '../../base/problem.ts';
import type { Sftp } from '../../host/incus/sftp/sftp.ts';
import { SftpError } from '../../host/incus/sftp/sftp-error.ts';
import { below, exclusion, type GuestPlace } from './guest-place.ts';
import { codeOf, type HeldDirectory } from './held-directory.ts';
import { isHole } from './holes.ts';
import { inLanes } from './lanes.ts';
import type { Copied } from './fetch-tree.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';

/** Files that are copied at once. */
const filesAtOnce = 8;

/** Directories one in the other that are followed: each is held open meanwhile. */
const deepest = 80;

/** What {@link TreeSend} is made from. */
export interface TreeSendInit {
  readonly sftp: Sftp;
  readonly place: GuestPlace;
  /** Whose everything is inside. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly leftOut: LeftOut;
}

/**
 * Copies a tree into a sandbox, over what is there. Owner and permissions are set on all that is new except links, which
 * SFTP cannot give to anybody. What cannot be read here or written there is left out.
 */
export class TreeSend {
  readonly #init: TreeSendInit;
  readonly #isExcluded: (path: Buffer) => boolean;
  readonly #pool = new Pool(filesAtOnce);
  #files = 0;
  #bytes = 0;

  constructor(init: TreeSendInit) {
    this.#init = init;
    this.#isExcluded = exclusion(init.place);
  }

  /** Sends one thing, with all that is in it. @param path relative to the home; the directory above is there */
  async copy(parent: HeldDirectory, path: Buffer, name: Buffer): Promise<void> {
    try {
      await this.#one(parent, { path, name, depth: 0 });
    } finally {
      await this.#pool.end();
    }
  }

  /** Makes a directory like one that was saved, for its owner, unless there is one. */
  async directory(path: Buffer, mode: number): Promise<boolean> {
    const { sftp, owner } = this.#init;
    const inside = this.#inside(path);
    try {
      if ((await sftp.look(inside)) === undefined) {
        await sftp.makeDirectory(inside);
        await sftp.set(inside, { ...owner, mode: mode & 0o777 });
      }
      return true;
    } catch (error) {
      return this.#refused(path, error);
    }
  }

  /** What was sent so far. */
  get copied(): Copied {
    return { files: this.#files, bytes: this.#bytes };
  }

  async #one(parent: HeldDirectory, { path, name, depth }: Place): Promise<void> {
    const { leftOut } = this.#init;
    const stats = parent.look(name);
    if (!stats || this.#isExcluded(path)) return;
    if (stats.isSymbolicLink()) return this.#link(parent, path, name);
    if (!stats.isFile() && !stats.isDirectory()) return leftOut.add('kind', path);
    if (depth > deepest) return leftOut.add('too-deep', path);
    try {
      if (stats.isDirectory()) await this.#tree(parent, stats, { path, name, depth });
      else await this.#begin(parent.openFile(name), path);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      leftOut.add('unreadable', path);
    }
  }

  async #tree(parent: HeldDirectory, { mode }: Stats, { path, name, depth }: Place): Promise<void> {
    using directory = parent.open(name);
    if (!(await this.directory(path, mode))) return;
    for (const each of directory.names()) {
      await this.#one(directory, { path: below(path, each), name: each, depth: depth + 1 });
    }
  }

  async #link(parent: HeldDirectory, path: Buffer, name: Buffer): Promise<void> {
    try {
      await this.#init.sftp.makeLink(this.#inside(path), parent.readLink(name));
    } catch (error) {
      this.#refused(path, error);
    }
  }

  async #begin(fd: number, path: Buffer): Promise<void> {
    const task = () => this.#file(fd, path).finally(() => closeSync(fd));
    // A task that never begins closes nothing.
    await this.#pool.begin(task).catch((error: unknown) => {
      closeSync(fd);
      throw error;
    });
  }

  async #file(fd: number, path: Buffer): Promise<void> {
    const { sftp, owner } = this.#init;
    const stats = fstatSync(fd);
    if (!stats.isFile()) return this.#init.leftOut.add('kind', path);
    try {
      const handle = await sftp.openToWrite(this.#inside(path));
      try {
        await this.#content(fd, handle, stats.size);
        await sftp.setOpen(handle, { ...owner, mode: stats.mode & 0o777, modifiedS: stats.mtimeMs / 1_000 });
      } finally {
        await sftp.close(handle);
      }
      this.#files += 1;
      this.#bytes += stats.size;
    } catch (error) {
      this.#refused(path, error);
    }
  }

  async #content(fd: number, handle: Buffer, size: number): Promise<void> {
    await inLanes(size, async ({ offset, length }) => {
      const bytes = Buffer.allocUnsafe(length);
      const got = bytes.subarray(0, readSync(fd, bytes, 0, length, offset));
      // The last part says how long the file is, whatever is in it.
      if (offset + length < size && isHole(got)) return;
      await this.#init.sftp.write(handle, offset, got);
    });
  }

  /** @returns false, so that callers go on without it */
  #refused(path: Buffer, error: unknown): false {
    if (!(error instanceof SftpError)) throw error;
    if (/no space left|quota exceeded/i.test(error.message)) throw full(error);
    this.#init.leftOut.add('unwritable', path);
    return false;
  }

  #inside(path: Buffer): Buffer {
    return Buffer.concat([Buffer.from(`${this.#init.place.home}/`), path]);
  }
}

function full(cause: SftpError): Problem {
  return new Problem({
    code: 'session.guest-full',
    message: `Cannot restore the session: the sandbox's disk is full (${cause.message})`,
    hint: 'Make room in the storage pool: incus storage info NAME shows it.',
    retry: 'backoff',
    cause,
  });
}

interface Place {
  /** Relative to the home. */
  readonly path: Buffer;
  readonly name: Buffer;
  readonly depth: number;
}

/** Whether this very thing cannot be read; another one may. */
function isUnreadable(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'ENOENT', 'ELOOP', 'ENOTDIR', 'EIO', 'ENXIO'].includes(codeOf(error) ?? '');
}
