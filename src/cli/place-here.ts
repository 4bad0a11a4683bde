import { lstatSync } from 'node:fs';
import { Problem } from '../base/problem.ts';
import type { Entry } from '../host/tree/entry.ts';
import type { HeldDirectory } from '../host/tree/held-directory.ts';
import type { GuestAddress } from './guest-address.ts';
import { held, holdAbove, holdDirectory, type LocalPath } from './local-path.ts';
import { printable } from './printable.ts';

/** Where something goes on this host. */
export interface PlaceHere extends Disposable {
  readonly directory: HeldDirectory;
  /** Undefined where what is in the source goes right into the directory. */
  readonly name: Buffer | undefined;
  /** For people. */
  readonly text: string;
}

/**
 * Where something goes, as cp has it: into what is a directory, else as what was said.
 *
 * @throws {Problem} `file.no-local`, `file.link`, `file.refused`
 */
export function placeHere({ name, isContents }: GuestAddress, local: LocalPath, source: Entry): PlaceHere {
  const stats = held(local.text, () => lstatSync(local.path, { throwIfNoEntry: false }));
  if (stats?.isSymbolicLink() && !local.isDirectory) {
    throw new Problem({
      code: 'file.link',
      message: `"${printable(local.text)}" is a link, and links of this host are not followed`,
      hint: `Name what it leads to, or for a directory: ${printable(local.text)}/`,
    });
  }
  const isMade = stats === undefined && source.kind === 'directory' && !local.isContents;
  if (!isMade && (local.isDirectory || stats?.isDirectory())) {
    const directory = holdDirectory(local);
    const text = isContents ? local.text : `${local.text.replace(/\/+$/, '')}/${name.toString('utf8')}`;
    return {
      directory,
      name: isContents ? undefined : name,
      text,
      [Symbol.dispose]: () => directory[Symbol.dispose](),
    };
  }
  const { parent, name: own } = holdAbove({ ...local, isDirectory: false });
  return { directory: parent, name: own, text: local.text, [Symbol.dispose]: () => parent[Symbol.dispose]() };
}
