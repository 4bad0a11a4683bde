import { createInterface } from 'node:readline/promises';
import type { Io } from './io.ts';

/** Ask on stderr. Only `y` is yes; everything else, and nobody to answer, is no. */
export async function confirm(io: Io, question: string): Promise<boolean> {
  io.stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: io.stdin, terminal: false });
  try {
    for await (const line of lines) return /^y$/i.test(line.trim());
    io.stderr.write('\n');
    return false;
  } finally {
    lines.close();
    // Nobody is asked a second time, and an open one would keep this process waiting.
    io.stdin.destroy();
  }
}
