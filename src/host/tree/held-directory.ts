import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  futimesSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  type Stats,
  unlinkSync,
} from 'node:fs';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** A name in a directory: any bytes but NUL and `/`, as the system has them. */
export type Name = Buffer | string;

/**
 * A directory that is held open. Everything is reached from it by one name, through the descriptor (proc_pid_fd(5)), as
 * openat(2) would: whoever swaps directories on the way for links, or puts links where files belong, leads nowhere.
 * Methods are synchronous, for a process that does nothing else, and throw the system's own errors: ELOOP and ENOTDIR
 * where there is a link.
 */
export class HeldDirectory implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Holds the directory at a path whose parts are trusted, links among them included. */
  static at(path: string): HeldDirectory {
    return new HeldDirectory(openSync(path, O_RDONLY | O_DIRECTORY));
  }

  /** For programs that are handed the directory as it is. */
  get descriptor(): number {
    return this.#fd;
  }

  /** Holds a directory in this one. */
  open(name: Name): HeldDirectory {
    return new HeldDirectory(openSync(this.#path(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  }

  /** Makes a directory, for its owner alone, and holds it. */
  make(name: Name): HeldDirectory {
    mkdirSync(this.#path(name), 0o700);
    return this.open(name);
  }

  /** Holds a directory, made for its owner alone where it is not there. */
  openOrMake(name: Name): HeldDirectory {
    try {
      return this.make(name);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
      return this.open(name);
    }
  }

  names(): Buffer[] {
    return readdirSync(this.#path(''), { encoding: 'buffer' });
  }

  /** What is at a name, links being themselves; undefined when there is nothing. */
  look(name: Name): Stats | undefined {
    return lstatSync(this.#path(name), { throwIfNoEntry: false });
  }

  /** What is known of the directory itself. */
  stats(): Stats {
    return fstatSync(this.#fd);
  }

  /** Opens a new file for its owner alone. @returns its descriptor */
  create(name: Name): number {
    return openSync(this.#path(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  }

  /** Opens what is there to be read, without waiting for the other end of a FIFO. @returns its descriptor */
  openFile(name: Name): number {
    return openSync(this.#path(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }

  makeLink(name: Name, target: Name): void {
    symlinkSync(target, this.#path(name));
  }

  readLink(name: Name): Buffer {
    return readlinkSync(this.#path(name), { encoding: 'buffer' });
  }

  rename(name: Name, newName: Name): void {
    renameSync(this.#path(name), this.#path(newName));
  }

  removeFile(name: Name): void {
    unlinkSync(this.#path(name));
  }

  /** Being gone already is fine. */
  removeIfThere(name: Name): void {
    try {
      this.removeFile(name);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  removeDirectory(name: Name): void {
    rmdirSync(this.#path(name));
  }

  setMode(mode: number): void {
    fchmodSync(this.#fd, mode);
  }

  /** @param modifiedS seconds since 1970 */
  setTime(modifiedS: number): void {
    futimesSync(this.#fd, modifiedS, modifiedS);
  }

  /** Free bytes for whoever is not root, and all there are, on its file system. */
  space(): { readonly free: number; readonly total: number } {
    const { bavail, blocks, bsize } = statfsSync(this.#path(''));
    return { free: bavail * bsize, total: blocks * bsize };
  }

  /** Makes renames in it survive a power cut: fsync(2). */
  sync(): void {
    fsyncSync(this.#fd);
  }

  #path(name: Name): Buffer {
    const bytes = Buffer.from(name as Buffer);
    if (!isName(bytes) && bytes.length > 0) throw new TypeError(`not a name: ${JSON.stringify(String(name))}`);
    return Buffer.concat([Buffer.from(`/proc/self/fd/${this.#fd}/`), bytes]);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

const slash = 0x2f;

/** Whether bytes name something in a directory and nothing above or below it. */
export function isName(bytes: Buffer): boolean {
  if (bytes.length === 0 || bytes.includes(slash) || bytes.includes(0)) return false;
  return !(bytes.equals(Buffer.from('.')) || bytes.equals(Buffer.from('..')));
}

/** The system's code of an error: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}
