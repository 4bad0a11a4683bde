import { codeOf, type HeldDirectory, type Name } from './held-directory.ts';

/** Removes whatever is at a name, following no link. What is gone already, or goes meanwhile, is fine. */
export function removeTree(parent: HeldDirectory, name: Name): void {
  try {
    const stats = parent.look(name);
    if (!stats) return;
    if (!stats.isDirectory()) return parent.removeFile(name);
    empty(parent, name);
    parent.removeDirectory(name);
  } catch (error) {
    // Another process removes the same.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function empty(parent: HeldDirectory, name: Name): void {
  using directory = parent.open(name);
  for (const each of directory.names()) removeTree(directory, each);
}
