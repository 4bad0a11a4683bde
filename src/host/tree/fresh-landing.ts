import { codeOf, type HeldDirectory } from './held-directory.ts';
import type { LandedDirectory, LandedFile, Landing } from './landing.ts';
import type { LeftOutReason } from './left-out.ts';

/** Names that a sandbox's file system takes and the host's does not, or takes for one and the same. */
const nameFaults = new Set(['EEXIST', 'ENAMETOOLONG', 'EILSEQ', 'EINVAL']);

/**
 * Directories that are filled for the first time and looked at by nobody before all is there. Permissions are the owner's
 * at least, and what the host's disk refuses ends it.
 */
export const freshLanding: Landing = {
  directory: (parent: HeldDirectory, name: Buffer): LandedDirectory => ({ held: parent.make(name), isNew: true }),
  file(parent: HeldDirectory, name: Buffer): LandedFile {
    return { fd: parent.create(name), keep: () => undefined, drop: () => parent.removeFile(name) };
  },
  link: (parent: HeldDirectory, name: Buffer, target: Buffer) => parent.makeLink(name, target),
  mode: (mode: number, least: number) => least | (mode & 0o777),
  reason: nameFault,
};

/** Tells a name that the host does not take. */
export function nameFault(error: unknown): LeftOutReason | undefined {
  return nameFaults.has(codeOf(error) ?? '') ? 'name' : undefined;
}
