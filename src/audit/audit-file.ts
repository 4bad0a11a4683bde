import { chmod, mkdir, open, rename, stat, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '../base/atomic-file.ts';
import { peekLine } from './chain.ts';
import { archiveName, currentName, isMissing } from './files.ts';

/** What a file begins with. */
interface First {
  readonly seq: number;
  readonly ts: string;
}

/** The file that records are appended to. Each append is whole or is taken back. */
export class AuditFile implements AsyncDisposable {
  readonly #dir: string;
  readonly #handle: FileHandle;
  readonly #inode: bigint;
  #size: number;
  /** Its first record; undefined while it is empty. */
  #first: First | undefined;

  private constructor(dir: string, { handle, inode, size }: { handle: FileHandle; inode: bigint; size: number }) {
    this.#dir = dir;
    this.#handle = handle;
    this.#inode = inode;
    this.#size = size;
  }

  /** Open the current file of a directory, creating both when need be; only their owner may read them. */
  static async open(dir: string): Promise<AuditFile> {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const handle = await open(join(dir, currentName), 'a+', 0o600);
    try {
      const { ino, size } = await handle.stat({ bigint: true });
      await chmod(join(dir, currentName), 0o600);
      const file = new AuditFile(dir, { handle, inode: ino, size: Number(size) });
      await file.#readFirst();
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get size(): number {
    return this.#size;
  }

  /** Day of its first record in UTC, such as `2026-01-31`; undefined while it is empty. */
  get day(): string | undefined {
    return this.#first && dayOf(this.#first.ts);
  }

  async #readFirst(): Promise<void> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(128), 0, 128, 0);
    this.#first = peekLine(buffer.toString('utf8', 0, bytesRead));
  }

  /** Whether the path still leads to this file: somebody may have removed the state directory. */
  async isThere(): Promise<boolean> {
    try {
      const { ino } = await stat(join(this.#dir, currentName), { bigint: true });
      return ino === this.#inode;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** @throws the file system's own error; the file is then as it was before. */
  async append(text: string, { first, durable }: { first: First; durable: boolean }): Promise<void> {
    const data = Buffer.from(text);
    try {
      for (let written = 0; written < data.length;) {
        written += (await this.#handle.write(data, written)).bytesWritten;
      }
      if (durable) await this.#handle.datasync();
    } catch (error) {
      await this.#handle.truncate(this.#size);
      throw error;
    }
    this.#size += data.length;
    this.#first ??= first;
  }

  /** Close it and keep it under the name of its first record. */
  async archive(): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await rename(join(this.#dir, currentName), join(this.#dir, archiveName(this.#first?.seq ?? 0)));
    await syncDirectory(this.#dir);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
  }
}

/** Day of a time in ISO 8601. */
export function dayOf(ts: string): string {
  return ts.slice(0, 10);
}
