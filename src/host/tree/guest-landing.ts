import type { Attributes } from '../incus/sftp/attributes.ts';
import type { Handle, Sftp } from '../incus/sftp/sftp.ts';
import { SftpError, SftpLost } from '../incus/sftp/sftp-error.ts';
import { Taken, temporaryName } from './landing.ts';

/** What {@link GuestLanding} is made from. */
export interface GuestLandingInit {
  readonly sftp: Sftp;
  /** Whose everything new is. */
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Whether a file that replaces another belongs to whom that did. */
  readonly keepsOwner?: boolean;
  /** Whether links in the way are followed to directories, and replaced by files. Else they are of another kind. */
  readonly overLinks?: boolean;
}

/** Somewhere inside. */
export interface GuestPath {
  /** Absolute. */
  readonly path: Buffer;
  /** Whether nothing can be there: the directory was made for this. */
  readonly isNew: boolean;
}

/** A file that is being written inside. */
export interface GuestFile {
  readonly handle: Handle;
  /** Has it stand under its name. Its handle has to be closed. */
  keep(): Promise<void>;
  /** Has nothing be left of it, as far as the connection allows. */
  drop(): Promise<void>;
}

/**
 * Where what is copied into a sandbox goes to: files and links replace those of the same name, directories are merged, and
 * something of another kind is left as it is. A file has its name once it is complete. Methods throw {@link Taken},
 * {@link SftpError}, {@link SftpLost}.
 */
export class GuestLanding {
  readonly #init: GuestLandingInit;

  constructor(init: GuestLandingInit) {
    this.#init = init;
  }

  /** @returns whether it is new */
  async directory({ path, isNew }: GuestPath, mode: number): Promise<boolean> {
    const { sftp, owner } = this.#init;
    if (!isNew && (await this.#isDirectory(path))) return false;
    await sftp.makeDirectory(path);
    await sftp.set(path, { ...owner, mode: mode & 0o777 });
    return true;
  }

  async link(place: GuestPath, target: Buffer): Promise<void> {
    const { sftp } = this.#init;
    const there = await this.#look(place);
    if (!there) return sftp.makeLink(place.path, target);
    if (there.kind !== 'symlink') throw new Taken();
    const temporary = beside(place.path);
    await sftp.makeLink(temporary, target);
    await sftp.rename(temporary, place.path).catch((error: unknown) => this.#remove(temporary, error));
  }

  /** Opens a file that belongs to whom it will, with the permissions that it will have. */
  async file(place: GuestPath, mode: number): Promise<GuestFile> {
    const { sftp, owner, keepsOwner, overLinks } = this.#init;
    const there = await this.#look(place);
    const isFree = !there || there.kind === 'file' || (overLinks && there.kind === 'symlink');
    if (!isFree) throw new Taken();
    const temporary = beside(place.path);
    const handle = await sftp.create(temporary);
    const drop = async () => {
      await sftp.close(handle).catch(alreadyFailed);
      await sftp.remove(temporary).catch(alreadyFailed);
    };
    try {
      const { uid, gid } = keepsOwner && there ? there : owner;
      await sftp.setOpen(handle, { uid, gid, mode });
    } catch (error) {
      await drop();
      throw error;
    }
    const keep = () => sftp.rename(temporary, place.path).catch((error: unknown) => this.#remove(temporary, error));
    return { handle, keep, drop };
  }

  async #look({ path, isNew }: GuestPath): Promise<Attributes | undefined> {
    return isNew ? undefined : this.#init.sftp.look(path);
  }

  async #isDirectory(path: Buffer): Promise<boolean> {
    const { sftp, overLinks } = this.#init;
    const there = await (overLinks ? sftp.follow(path) : sftp.look(path));
    if (there && there.kind !== 'directory') throw new Taken();
    return there !== undefined;
  }

  async #remove(temporary: Buffer, cause: unknown): Promise<never> {
    await this.#init.sftp.remove(temporary).catch(alreadyFailed);
    throw cause;
  }
}

/** What failed before says more. */
function alreadyFailed(error: unknown): void {
  if (!(error instanceof SftpError || error instanceof SftpLost)) throw error;
}

function beside(path: Buffer): Buffer {
  return Buffer.concat([path.subarray(0, path.lastIndexOf('/') + 1), temporaryName()]);
}
