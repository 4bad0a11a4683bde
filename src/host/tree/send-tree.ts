import { closeSync, fstatSync, type Stats } from 'node:fs';
import { SftpError } from '../incus/sftp/sftp-error.ts';
import type { Copied } from './fetch-tree.ts';
import { GuestLanding, type GuestLandingInit } from './guest-landing.ts';
import { below, inside } from './guest-path.ts';
import { codeOf, type HeldDirectory } from './held-directory.ts';
import { Taken } from './landing.ts';
import type { LeftOut } from './left-out.ts';
import { Pool } from './pool.ts';
import { FileSend, type FileSendInit, Shortened } from './send-file.ts';

/** Files that are copied at once. */
const filesAtOnce = 8;

/** Directories one in the other that are followed, as many as are fetched: each is held open meanwhile. */
const deepest = 256;

/** What {@link TreeSend} is made from. */
export interface TreeSendInit extends GuestLandingInit, FileSendInit {
  /** What paths are relative to: absolute, empty for the root. */
  readonly base: Buffer;
  readonly leftOut: LeftOut;
  /** Paths that are passed over. */
  readonly isExcluded?: (path: Buffer) => boolean;
}

/** There is no room inside. */
export class GuestFull extends Error {}

/**
 * Copies a tree into a sandbox. Owner and permissions, without setuid, setgid and sticky, are set on all that is new except
 * links, which SFTP cannot give to anybody. What cannot be read here or be where it is to go is left out.
 */
export class TreeSend {
  readonly #init: TreeSendInit;
  readonly #landing: GuestLanding;
  readonly #sender: FileSend;
  readonly #pool = new Pool(filesAtOnce);
  #files = 0;
  #links = 0;
  #bytes = 0;

  constructor(init: TreeSendInit) {
    this.#init = init;
    this.#landing = new GuestLanding(init);
    this.#sender = new FileSend(this.#landing, init);
  }

  /**
   * Sends one thing, with all that is in it. The directory above is there.
   *
   * @throws {GuestFull}
   */
  async copy(parent: HeldDirectory, path: Buffer, name: Buffer): Promise<void> {
    try {
      await this.#one(parent, { path, name, depth: 0, isNew: false });
    } finally {
      await this.#pool.end();
    }
  }

  /** Sends what is in a directory into one that is there, as {@link copy} does. */
  async contents(directory: HeldDirectory, path: Buffer): Promise<void> {
    try {
      for (const name of directory.names()) {
        await this.#one(directory, { path: below(path, name), name, depth: 1, isNew: false });
      }
    } finally {
      await this.#pool.end();
    }
  }

  /** Makes a directory with these permissions unless there is one. @returns whether there is one now */
  async directory(path: Buffer, mode: number): Promise<boolean> {
    return (await this.#directory({ path, isNew: false }, mode)) !== 'refused';
  }

  /** What was sent so far. */
  get copied(): Copied {
    return { files: this.#files, links: this.#links, bytes: this.#bytes };
  }

  async #one(parent: HeldDirectory, place: Place): Promise<void> {
    const { leftOut, isExcluded, signal } = this.#init;
    const { path, name, depth } = place;
    signal?.throwIfAborted();
    if (isExcluded?.(path)) return;
    try {
      const stats = parent.look(name);
      if (!stats) return;
      if (stats.isSymbolicLink()) return await this.#link(parent, place);
      if (!stats.isFile() && !stats.isDirectory()) return leftOut.add('kind', path);
      if (depth > deepest) return leftOut.add('too-deep', path);
      if (stats.isDirectory()) await this.#tree(parent, stats, place);
      else await this.#begin(parent.openFile(name), place);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      leftOut.add('unreadable', path);
    }
  }

  async #tree(parent: HeldDirectory, { mode }: Stats, { path, name, depth, isNew }: Place): Promise<void> {
    using directory = parent.open(name);
    const made = await this.#directory({ path, isNew }, mode);
    if (made === 'refused') return;
    for (const each of directory.names()) {
      await this.#one(directory, { path: below(path, each), name: each, depth: depth + 1, isNew: made === 'new' });
    }
  }

  async #directory({ path, isNew }: Pick<Place, 'path' | 'isNew'>, mode: number): Promise<'new' | 'there' | 'refused'> {
    try {
      return (await this.#landing.directory({ path: this.#inside(path), isNew }, mode)) ? 'new' : 'there';
    } catch (error) {
      this.#refused(path, error);
      return 'refused';
    }
  }

  async #link(parent: HeldDirectory, { path, name, isNew }: Place): Promise<void> {
    const target = parent.readLink(name);
    try {
      await this.#landing.link({ path: this.#inside(path), isNew }, target);
      this.#links += 1;
    } catch (error) {
      this.#refused(path, error);
    }
  }

  async #begin(fd: number, place: Place): Promise<void> {
    const task = () => this.#file(fd, place).finally(() => closeSync(fd));
    // A task that never begins closes nothing.
    await this.#pool.begin(task).catch((error: unknown) => {
      closeSync(fd);
      throw error;
    });
  }

  async #file(fd: number, { path, isNew }: Place): Promise<void> {
    const stats = fstatSync(fd);
    if (!stats.isFile()) return this.#init.leftOut.add('kind', path);
    try {
      await this.#sender.send(fd, stats, { path: this.#inside(path), isNew });
      this.#files += 1;
      this.#bytes += stats.size;
    } catch (error) {
      this.#refused(path, error);
    }
  }

  #refused(path: Buffer, error: unknown): void {
    const { leftOut } = this.#init;
    if (error instanceof Taken) return leftOut.add('exists', path);
    if (error instanceof Shortened || isUnreadable(error)) return leftOut.add('unreadable', path);
    if (!(error instanceof SftpError)) throw error;
    if (/no space left|quota exceeded/i.test(error.message)) throw new GuestFull(error.message, { cause: error });
    leftOut.add('unwritable', path);
  }

  #inside(path: Buffer): Buffer {
    return inside(this.#init.base, path);
  }
}

interface Place {
  /** Relative to where it goes. */
  readonly path: Buffer;
  readonly name: Buffer;
  readonly depth: number;
  /** Whether nothing can be there. */
  readonly isNew: boolean;
}

/** Whether this very thing cannot be read; another one may. */
function isUnreadable(error: unknown): boolean {
  return ['EACCES', 'EPERM', 'ENOENT', 'ELOOP', 'ENOTDIR', 'EIO', 'ENXIO'].includes(codeOf(error) ?? '');
}
