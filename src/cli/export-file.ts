import { closeSync, fchownSync, fsyncSync, writeSync } from 'node:fs';
import { messageOf, Problem } from '../base/problem.ts';
import { codeOf } from '../host/tree/held-directory.ts';
import type { Io } from './io.ts';
import { holdAbove, localPath } from './local-path.ts';
import { printable } from './printable.ts';
import { whoCalls } from './who.ts';

/**
 * Write a new file that only the caller can read; with sudo, the user who called it. What is there already is left alone, and
 * so is what a link at its name leads to: the directory may be one that a sandbox writes to.
 *
 * @throws {Problem} `file.exists`, and as {@link holdAbove} does
 */
export function writeExport(io: Io, path: string, text: string): void {
  using place = new DisposableStack();
  const { parent, name } = holdAbove(localPath(io, path));
  place.use(parent);
  try {
    const file = parent.create(name);
    try {
      giveToCaller(io, file);
      writeWhole(file, Buffer.from(text));
      fsyncSync(file);
    } catch (error) {
      parent.removeIfThere(name);
      throw error;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw refused(path, cause);
  }
}

function giveToCaller(io: Io, file: number): void {
  const { uid } = whoCalls(io);
  if (uid === process.getuid?.()) return;
  const gid = /^\d{1,10}$/.test(io.env['SUDO_GID'] ?? '') ? Number(io.env['SUDO_GID']) : uid;
  fchownSync(file, uid, gid);
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
}

function refused(path: string, cause: unknown): Problem {
  const isThere = codeOf(cause) === 'EEXIST';
  return new Problem({
    code: isThere ? 'file.exists' : 'file.refused',
    message: isThere
      ? `There is a "${printable(path)}" already, and it is not written over`
      : `Cannot write "${printable(path)}": ${messageOf(cause)}`,
    hint: isThere ? 'Give another name, or remove it first' : 'Choose another place',
    cause,
  });
}
