import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import { codeOf, HeldDirectory } from '../host/tree/held-directory.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';

/** A path of this host as it was typed. The way to its last part is taken as it is, links included. */
export interface LocalPath {
  /** As it was given. */
  readonly text: string;
  /** Absolute, without slashes at its end. */
  readonly path: string;
  /** Whether it has to be a directory, also behind a link: it ends with a slash, or a dot. */
  readonly isDirectory: boolean;
  /** Whether what is in it is meant: it ends with `.` or `..`, or is the root. */
  readonly isContents: boolean;
}

/** @throws {Problem} `file.path` for no path at all */
export function localPath({ cwd }: Pick<Io, 'cwd'>, text: string): LocalPath {
  if (text === '')
    throw new Problem({ code: 'file.path', message: 'An empty path names nothing', hint: 'Use . for here' });
  const whole = text.startsWith('/') ? text : `${cwd}/${text}`;
  const path = whole.replace(/\/+$/, '') || '/';
  const isContents = path === '/' || ['.', '..'].includes(basename(path));
  return { text, path, isContents, isDirectory: isContents || text.endsWith('/') };
}

/** A name in a directory that is held. */
export interface LocalPlace {
  readonly parent: HeldDirectory;
  readonly name: Buffer;
}

/** Holds the directory above a path, from which its last part is reached without following it. */
export function holdAbove({ path, isDirectory, text }: LocalPath): LocalPlace {
  return held(text, () => {
    const way = isDirectory ? realpathSync(path) : path;
    return { parent: HeldDirectory.at(dirname(way)), name: Buffer.from(basename(way)) };
  });
}

/** Holds the directory at a path, behind a link, too. */
export function holdDirectory({ path, text }: LocalPath): HeldDirectory {
  return held(text, () => HeldDirectory.at(path));
}

/** @throws {Problem} `file.no-local`, `file.refused` in place of the system's errors */
export function held<T>(text: string, hold: () => T): T {
  try {
    return hold();
  } catch (cause) {
    const code = codeOf(cause);
    if (code === undefined) throw cause;
    const shown = printable(text);
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    throw new Problem({
      code: isMissing ? 'file.no-local' : 'file.refused',
      message: isMissing ? noWay(shown, code) : `Cannot use "${shown}": ${messageOf(cause)}`,
      hint: isMissing ? 'Look at each part of the path: ls -ld PATH' : 'Look at the permissions of each part of it.',
      cause,
    });
  }
}

function noWay(shown: string, code: string): string {
  return code === 'ENOENT' ? `There is no "${shown}", or no directory for it` : `A part of "${shown}" is no directory`;
}
