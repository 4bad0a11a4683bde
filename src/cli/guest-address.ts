import { Problem } from '../base/problem.ts';
import { exitCodes } from './failure.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';

/** A place in a container. */
export interface GuestAddress {
  /** As it was given. */
  readonly container: string;
  /** Relative to the root, without `.` and empty parts; empty for the root itself. */
  readonly path: Buffer;
  /** The last part of it; empty for the root. */
  readonly name: Buffer;
  /** Whether it has to be a directory: it ends with a slash. */
  readonly isDirectory: boolean;
  /** Whether what is in it is meant, and not the directory: it ends with `/.`, or is the root. */
  readonly isContents: boolean;
}

/**
 * Read `CONTAINER:PATH`. A PATH without a slash in front is taken from the root, as Incus has it.
 *
 * @throws {UsageProblem} exit code 2, without a colon or with nothing on one side of it
 * @throws {Problem} `file.path` for `..`: where that leads is decided by what is inside
 */
export function parseGuestAddress(text: string): GuestAddress {
  const [, container, path] = /^([^:]+):(.+)$/s.exec(text) ?? [];
  if (container === undefined || path === undefined) throw noAddress(text);
  const parts = path.split('/');
  if (parts.includes('..')) {
    throw new Problem({
      code: 'file.path',
      message: `"${printable(path)}" has .. in it, which may lead anywhere`,
      hint: 'Write the path out: CONTAINER:/DIRECTORY/NAME',
    });
  }
  const names = parts.filter((part) => part !== '' && part !== '.');
  return {
    container,
    path: Buffer.from(names.join('/')),
    name: Buffer.from(names.at(-1) ?? ''),
    isDirectory: ['', '.'].includes(parts.at(-1)!),
    isContents: parts.at(-1) === '.' || names.length === 0,
  };
}

function noAddress(text: string): UsageProblem {
  const hint = 'Write CONTAINER:PATH, as in: coi file push notes.txt coi-1a2b3c4d-1:/tmp/notes.txt';
  return new UsageProblem(`"${printable(text)}" names no place in a container`, hint, exitCodes.usage);
}

/** A path inside for people. */
export function pathText(path: Buffer): string {
  return printable(`/${path.toString('utf8')}`);
}
