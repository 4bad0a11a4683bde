import { writeSync } from 'node:fs';

const zeros = Buffer.alloc(2 ** 18);

/** Whether there is nothing but zeros in a chunk of up to 256 KiB: not written, it becomes a hole of a sparse file. */
export function isHole(bytes: Buffer): boolean {
  return bytes.length <= zeros.length && bytes.equals(zeros.subarray(0, bytes.length));
}

/** Writes all of a chunk to its place in a file; a hole is left one. @throws the system's own error */
export function writeChunk(fd: number, bytes: Buffer, offset: number): void {
  if (isHole(bytes)) return;
  for (let done = 0; done < bytes.length;) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
