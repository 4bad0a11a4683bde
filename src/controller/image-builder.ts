import type { ImageLook } from '../plan/plan-image.ts';
import type { ImageManifest } from '../spec/declared-image.ts';

/** A fresh look at a declared image. */
export interface ImageSeen {
  readonly look: ImageLook;
  /** Changes with what it would be built from now: a build that failed is worth another try then. */
  readonly wanted: string;
}

/** How one build is to be done. */
export interface BuildOptions {
  /** Without what earlier builds left. */
  readonly anew: boolean;
  /** Ends it, with all that it started. */
  readonly signal: AbortSignal;
  /** Is told each line that it prints for people. */
  readonly onLine: (line: string) => void;
}

/** Compares declared images with what is there, and builds them. */
export interface ImageBuilder {
  /** @throws {Problem} what is wrong with the definition or script, or with Incus */
  look(manifest: ImageManifest, signal: AbortSignal): Promise<ImageSeen>;
  /** Resolves when it is built. @throws {Problem} why it could not be */
  build(manifest: ImageManifest, options: BuildOptions): Promise<void>;
}
