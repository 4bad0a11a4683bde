import { constants } from 'node:fs';
import { open, readlink, type FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { Problem } from '../base/problem.ts';
import { renderSize } from '../base/units.ts';

/** Largest script or `image.toml`, in bytes. */
export const maxTextBytes = 2 ** 20;

/** Never wait for the other end of a FIFO; never follow a link in the last component. */
const openFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/** What may be read. */
export interface PlainFile {
  readonly maxBytes: number;
  /** Directory without links that it has to be in. */
  readonly within?: string;
}

/**
 * Read a file of a definition. Whoever builds may be root, and the folder anybody's: nothing but a regular file is read, so
 * that nobody has root wait, fill its memory, or show what only root may see.
 *
 * @throws {Problem} `image.odd-file`, `image.escapes`
 * @throws what the system says when it cannot be opened or read
 */
export async function readPlainFile(
  path: string,
  { maxBytes, within }: PlainFile,
): Promise<{ readonly content: Buffer; readonly isExecutable: boolean }> {
  await using file = await open(path, openFlags).catch((cause: NodeJS.ErrnoException) => {
    throw cause.code === 'ELOOP' ? odd('it is a link', 'Name the file that it leads to.') : cause;
  });
  const stats = await file.stat();
  if (!stats.isFile()) throw odd('it is no regular file', 'Put a regular file there.');
  // A folder on the way may have been swapped for a link since it was looked at: ask what was really opened, see proc(5).
  const opened = within === undefined ? undefined : await readlink(`/proc/self/fd/${file.fd}`);
  if (opened !== undefined && !opened.startsWith(within + sep)) {
    const hint = 'Copy what is needed into the folder.';
    throw new Problem({ code: 'image.escapes', message: 'it lies outside of the folder', hint });
  }
  return { content: await readAtMost(file, { size: stats.size, maxBytes }), isExecutable: (stats.mode & 0o111) !== 0 };
}

async function readAtMost(file: FileHandle, { size, maxBytes }: { size: number; maxBytes: number }): Promise<Buffer> {
  if (size > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of file.createReadStream({ autoClose: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    // It grows while it is read.
    if (length > maxBytes) throw tooLarge(maxBytes);
  }
  return Buffer.concat(chunks);
}

function tooLarge(maxBytes: number): Problem {
  return odd(`it is larger than ${renderSize(maxBytes)}`, 'Have a step fetch what is large.');
}

function odd(message: string, hint: string): Problem {
  return new Problem({ code: 'image.odd-file', message, hint });
}
