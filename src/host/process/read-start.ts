import { open } from 'node:fs/promises';

/** The kernel gives a page or so at a time, whatever it is asked for. */
const chunkBytes = 16_384;

/**
 * The beginning of one of the kernel's files about a process, as latin1: what is inside a container decides how long such a file is.
 * Empty when the process has ended, or there is no such file.
 *
 * @param mostBytes what is beyond is not looked at, but for the rest of a chunk
 */
export async function readStart(path: string, mostBytes: number): Promise<string> {
  try {
    await using file = await open(path);
    const chunk = Buffer.allocUnsafe(chunkBytes);
    let text = '';
    while (text.length < mostBytes) {
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) break;
      text += chunk.toString('latin1', 0, bytesRead);
    }
    return text;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EINVAL is what a namespace gives that is being taken down.
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return '';
    throw error;
  }
}
