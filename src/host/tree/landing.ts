import { randomBytes } from 'node:crypto';
import type { HeldDirectory } from './held-directory.ts';
import type { LeftOutReason } from './left-out.ts';

/** Where what is copied out of a sandbox goes to. Methods throw the system's own errors, or {@link Taken}. */
export interface Landing {
  directory(parent: HeldDirectory, name: Buffer): LandedDirectory;
  file(parent: HeldDirectory, name: Buffer): LandedFile;
  link(parent: HeldDirectory, name: Buffer, target: Buffer): void;
  /** Permissions of something new. @param least what its owner needs */
  mode(mode: number, least: number): number;
  /** Why something is left out for an error; undefined for one that ends it all. */
  reason(error: unknown): LeftOutReason | undefined;
}

/** A directory that is there now. */
export interface LandedDirectory {
  readonly held: HeldDirectory;
  readonly isNew: boolean;
}

/** A file that is being written. */
export interface LandedFile {
  readonly fd: number;
  /** Has it stand under its name. */
  keep(): void;
  /** Has nothing be left of it. */
  drop(): void;
}

/** Something of another kind is where something was to go. */
export class Taken extends Error {}

/** A name for what is not complete, beside where it will be. Nobody can have guessed it. */
export function temporaryName(): Buffer {
  return Buffer.from(`.coi-${randomBytes(12).toString('hex')}`);
}
