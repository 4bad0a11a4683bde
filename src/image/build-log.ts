import { randomBytes } from 'node:crypto';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** How much of the end is remembered, in bytes and in lines. */
const tailBytes = 8_192;
const tailLines = 15;

/** All that the steps of a build print: in a file, which goes when all went well. */
export class BuildLog implements AsyncDisposable {
  readonly path: string;
  readonly #file: FileHandle;
  #tail = Buffer.alloc(0);
  #isKept = false;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** In the directory for temporary files, readable for its owner alone. */
  static async open(name: string): Promise<BuildLog> {
    const path = join(tmpdir(), `coi-build-${name}-${randomBytes(6).toString('hex')}.log`);
    return new BuildLog(path, await open(path, 'wx', 0o600));
  }

  /** Take what was printed. Resolves when it was written. */
  readonly take = async (chunk: Uint8Array): Promise<void> => {
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-tailBytes);
    await this.#file.write(chunk);
  };

  /** Begin a part: what was printed before is not among the last lines any more. */
  async begin(title: string): Promise<void> {
    await this.take(Buffer.from(`\n== ${title}\n`));
    this.#tail = Buffer.alloc(0);
  }

  /** The last lines, as they came: what is inside decides what they hold. */
  lastLines(): string[] {
    const lines = this.#tail.toString('utf8').split(/\r?\n|\r/);
    return lines.filter((line) => line.trim() !== '').slice(-tailLines);
  }

  /** Let the file stay. */
  keep(): void {
    this.#isKept = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (!this.#isKept) await rm(this.path, { force: true });
  }
}
