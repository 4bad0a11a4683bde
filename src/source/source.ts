import type { Problem } from '../base/problem.ts';
import type { ImageManifest } from '../spec/declared-image.ts';
import type { Manifest } from '../spec/sandbox.ts';

/** What a source says as a whole, as far as it could be read. */
interface Said {
  /** Hash over the names and contents of all manifest files: the same revision, the same files. */
  readonly revision: string;
  /** Sandboxes by name. */
  readonly manifests: ReadonlyMap<string, Manifest>;
  /** Images by name; absent where there are none. */
  readonly images?: ReadonlyMap<string, ImageManifest>;
  /** Names that are to be deleted by command, without grace and guard. Only the session source has them. */
  readonly tombstones: ReadonlySet<string>;
  /** Whether the directory holds `.coi-source` with this source's id, which an unmounted directory does not. */
  readonly sentinel: boolean;
  /** What is not as it should be without holding anything up. */
  readonly warnings?: readonly Problem[];
}

/**
 * The result of reading a source.
 *
 * - `complete`: every file was read and is valid, so a name that is not there is really not declared.
 * - `partial`: something was wrong, see `problems` (never empty). What could not be read keeps the manifests that were
 *   last known of it, and nothing may be concluded from absence.
 * - `failed`: nothing could be read at all.
 */
export type SourceRead =
  | ({ readonly kind: 'complete' } & Said)
  | ({ readonly kind: 'partial'; readonly problems: readonly Problem[] } & Said)
  | { readonly kind: 'failed'; readonly problem: Problem };

/** A place where manifests come from. */
export interface Source {
  /** Stamped on the instances that come from here; the same after a restart. */
  readonly id: string;
  readonly kind: 'directory' | 'session';
  /** Absolute path of the directory, as it was configured. */
  readonly path: string;
  /**
   * Read everything. Reads of one source follow each other, never overlap.
   * @throws the signal's reason when it aborts; every other failure is part of the result
   */
  read(signal: AbortSignal): Promise<SourceRead>;
  /** Call `onHint` whenever a read may give something else, until disposed of. It never says what changed. */
  watch(onHint: () => void): AsyncDisposable;
}

/** A manifest file with its text. */
export interface SourceFile {
  /** Path for people to find it by. */
  readonly path: string;
  readonly text: string;
  /** Who owns the file: `~` in it is this user's home. */
  readonly owner: { readonly uid: number; readonly home: string };
  /** Id of the source. */
  readonly source: string;
}

/** What one file says. */
export interface ParsedManifests {
  /** The sandboxes that are valid. */
  readonly manifests: readonly Manifest[];
  readonly problems: readonly Problem[];
  /** Names of all sandboxes in the file, also of those that are not valid. Empty when not even that could be read. */
  readonly names: readonly string[];
  /** The images that are valid. */
  readonly images?: readonly ImageManifest[];
  /** Names of all images in the file, also of those that are not valid. */
  readonly imageNames?: readonly string[];
}

/** Understands the text of a manifest file; never throws for what is in it. */
export type ParseManifests = (file: SourceFile) => ParsedManifests;
