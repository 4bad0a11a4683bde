import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { messageOf, Problem } from '../base/problem.ts';
import { writeFileAtomically } from '../base/atomic-file.ts';
import { sentinelName } from './file-names.ts';
import { readTrustedFile } from './trusted-file.ts';

/** What may stand in a sentinel. No slash, so that no directory passes for a session source. */
const idPattern = /^[a-z0-9][a-z0-9._-]{0,62}$/;

/** What a directory's sentinel says. */
export type Sentinel =
  | { readonly kind: 'id'; readonly id: string }
  | { readonly kind: 'absent' }
  | { readonly kind: 'invalid'; readonly problem: Problem };

/** The id of a directory that has no sentinel yet. @param path absolute, as configured */
export function derivedId(path: string): string {
  return `dir-${createHash('sha256').update(path).digest('hex').slice(0, 16)}`;
}

/**
 * Read the sentinel of a directory.
 *
 * @param root the directory as configured (`shown`) and without links (`real`)
 * @param own the id that is expected, which need not look like a directory's
 */
export async function readSentinel(
  root: { readonly shown: string; readonly real: string },
  own?: string,
): Promise<Sentinel> {
  const shown = join(root.shown, sentinelName);
  try {
    const { text } = await readTrustedFile({ shown, real: join(root.real, sentinelName), root: root.real });
    const id = text.split('\n', 1)[0]!.trim();
    return id === own || idPattern.test(id) ? { kind: 'id', id } : { kind: 'invalid', problem: notAnId(shown) };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (codeOf(error.cause) === 'ENOENT') return { kind: 'absent' };
    return { kind: 'invalid', problem: error };
  }
}

function notAnId(path: string): Problem {
  return new Problem({
    code: 'source.sentinel-invalid',
    message: 'the file does not hold the id of a source in its first line',
    hint: 'Remove it: it is written again.',
    position: { file: path },
  });
}

/**
 * Mark a directory as the one that this source's sandboxes come from, so that an empty directory is not mistaken for one
 * that is not mounted.
 *
 * @returns undefined when it is written, a warning when the directory cannot be written to: that is no failure, the guard
 * is then stricter
 */
export async function writeSentinel(
  root: { readonly shown: string; readonly real: string },
  id: string,
): Promise<Problem | undefined> {
  try {
    const text = `${id}\n# Written by coi: this directory is a source of sandboxes. Keep this file when you empty it.\n`;
    await writeFileAtomically(join(root.real, sentinelName), text, 0o644);
    return undefined;
  } catch (error) {
    return new Problem({
      code: 'source.sentinel-unwritable',
      message: `Cannot write ${sentinelName}: ${messageOf(error)}`,
      hint: `Without it, no sandbox is deleted when the directory is empty. Write it yourself: its one line is ${id}`,
      position: { file: root.shown },
      cause: error,
    });
  }
}

/** The system's name of an error, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** The directory is empty and without sentinel although sandboxes came from it. */
export function sentinelMissing(path: string, id: string): Problem {
  return new Problem({
    code: 'source.SentinelMissing',
    message: `the directory is empty and has no ${sentinelName} file although sandboxes came from it: is it mounted?`,
    hint: `Mount it. If it is meant to be empty, run: echo ${id} > '${join(path, sentinelName)}'`,
    retry: 'backoff',
    position: { file: path },
  });
}

/** Another source's directory is where this source's was. */
export function sentinelOther(path: string, ids: { readonly found: string; readonly expected: string }): Problem {
  return new Problem({
    code: 'source.sentinel-other',
    message: `the directory is marked as source ${ids.found}, and this is source ${ids.expected}`,
    hint: `Mount the right directory, or restart the controller to follow this one as ${ids.found}.`,
    retry: 'backoff',
    position: { file: path },
  });
}
