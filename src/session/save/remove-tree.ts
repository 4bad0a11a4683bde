import { codeOf, type HeldDirectory, type Name } from '../../host/tree/held-directory.ts';

/** Removes whatever is at a name, following no link. What is gone already, or goes meanwhile, is fine. */
export function removeTree(parent: HeldDirectory, name: Name): void {
  try {
    const stats = parent.look(name);
    if (!stats) return;
    if (!stats.isDirectory()) return parent.removeFile(name);
    empty(parent, name, stats.mode);
    parent.removeDirectory(name);
  } catch (error) {
    // Another process removes the same.
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * The same for what is of no more use, which stays where its owner has made it so that it cannot be removed: nothing else
 * may fail for that.
 */
export function removeTreeIfAllowed(parent: HeldDirectory, name: Name): void {
  try {
    removeTree(parent, name);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'ENOTEMPTY', 'EBUSY', 'EXDEV'].includes(codeOf(error) ?? '')) throw error;
  }
}

function empty(parent: HeldDirectory, name: Name, mode: number): void {
  using directory = parent.open(name);
  // Somebody may have taken his own permission to write away, to keep it as it is.
  if ((mode & 0o700) !== 0o700) directory.setMode(0o700);
  for (const each of directory.names()) removeTree(directory, each);
}
