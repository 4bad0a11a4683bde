import type { Stats } from 'node:fs';
import { Problem } from '../base/problem.ts';
import type { HeldDirectory } from '../host/tree/held-directory.ts';
import { exitCodes } from './failure.ts';
import { held, holdAbove, holdDirectory, type LocalPath } from './local-path.ts';
import { printable } from './printable.ts';
import { UsageProblem } from './usage.ts';

/** Something of this host that is to be copied. */
export interface LocalSource extends Disposable {
  /** The directory it is in; that itself where its contents are meant. */
  readonly parent: HeldDirectory;
  readonly name: Buffer;
  readonly stats: Stats;
}

/**
 * Holds what is to be copied, without following links.
 *
 * @throws {Problem} `file.no-local`, `file.refused`, `file.link`, `file.kind`; {@link UsageProblem} for a directory without -r
 */
export function openLocalSource(local: LocalPath, isRecursive: boolean): LocalSource {
  const { parent, name } = local.isContents
    ? { parent: holdDirectory(local), name: Buffer.from('.') }
    : holdAbove(local);
  try {
    const stats = held(local.text, () => (local.isContents ? parent.stats() : parent.look(name)));
    requireSendable(local, stats, isRecursive);
    return { parent, name, stats, [Symbol.dispose]: () => parent[Symbol.dispose]() };
  } catch (error) {
    parent[Symbol.dispose]();
    throw error;
  }
}

function requireSendable(
  { text, isDirectory }: LocalPath,
  stats: Stats | undefined,
  isRecursive: boolean,
): asserts stats is Stats {
  const shown = printable(text);
  if (!stats) {
    const hint = 'Look at each part of the path: ls -ld PATH';
    throw new Problem({ code: 'file.no-local', message: `There is no "${shown}"`, hint });
  }
  if (isDirectory && !stats.isDirectory()) {
    const hint = 'Leave the slash at its end out';
    throw new Problem({ code: 'file.no-local', message: `There is no directory "${shown}"`, hint });
  }
  if (stats.isDirectory() && !isRecursive) {
    const hint = `To copy it with all that is in it: coi file push -r ${shown} CONTAINER:PATH`;
    throw new UsageProblem(`"${shown}" is a directory`, hint, exitCodes.usage);
  }
  if (stats.isSymbolicLink() && !isRecursive) {
    throw new Problem({
      code: 'file.link',
      message: `"${shown}" is a link, and links of this host are not followed`,
      hint: 'Name what it leads to; or, to copy the link itself, add -r',
    });
  }
  if (stats.isFile() || stats.isDirectory() || stats.isSymbolicLink()) return;
  const hint = 'Only files, directories and links can be copied.';
  throw new Problem({ code: 'file.kind', message: `"${shown}" is neither file, directory nor link`, hint });
}
