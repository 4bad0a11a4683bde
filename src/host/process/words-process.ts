/**
 * A process that reads command lines for the controller. They are memory of whoever runs, and reading waits for a lock on it, before
 * Linux 4.17 also for whatever file it is mapped from: then it is this process that waits, and it is ended. A line with a process
 * number comes on the standard input; the answer is a line with the words and the path of the executable, in hexadecimal.
 */
import { closeSync, openSync, readlinkSync, readSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Longest command line that is read, in bytes. */
const mostBytes = 16_384;

writeSync(1, 'ready\n');
for await (const pid of createInterface({ input: process.stdin })) {
  if (/^\d+$/.test(pid)) writeSync(1, `${wordsOf(pid)} ${executableOf(pid)}\n`);
}

function wordsOf(pid: string): string {
  const buffer = Buffer.alloc(mostBytes);
  return absentAsEmpty(() => {
    const file = openSync(`/proc/${pid}/cmdline`, 'r');
    try {
      return buffer.toString('hex', 0, readSync(file, buffer));
    } finally {
      closeSync(file);
    }
  });
}

function executableOf(pid: string): string {
  return absentAsEmpty(() => Buffer.from(readlinkSync(`/proc/${pid}/exe`)).toString('hex'));
}

/** What has ended says nothing, and neither does a kernel thread. */
function absentAsEmpty(read: () => string): string {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES' || code === 'ENAMETOOLONG') return '';
    throw error;
  }
}
