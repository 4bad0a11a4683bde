/** Where an image can start from. */
export type BaseSource =
  | { readonly kind: 'image'; readonly alias: string }
  | { readonly kind: 'definition'; readonly name: string }
  /** `REMOTE:ALIAS` of an image server that this host's Incus client knows. */
  | { readonly kind: 'remote'; readonly name: string }
  /** A root file system made from the distribution's packages. */
  | { readonly kind: 'packages' };

/** A file or link of a definition. */
export type TreeEntry =
  | { readonly kind: 'file'; readonly path: string; readonly isExecutable: boolean; readonly content: Uint8Array }
  | { readonly kind: 'link'; readonly path: string; readonly target: string };

/** A folder whose content is laid over `/`. */
export interface Tree {
  /** Absolute path on this host. */
  readonly folder: string;
  /** By path, sorted. */
  readonly entries: readonly TreeEntry[];
}

/** One thing that is done to an image. */
export interface BuildStep {
  readonly name: string;
  readonly trees: readonly Tree[];
  readonly script?: Uint8Array;
  /** How long its script may take, in milliseconds; {@link usualTimeoutMs} unless given. No part of what it comes to. */
  readonly timeoutMs?: number;
  /** What of the pinned versions it mentions, by the names of its environment. */
  readonly versions: Readonly<Record<string, string>>;
}

/** How long one step or check may take unless its definition says otherwise, in milliseconds. */
export const usualTimeoutMs = 7_200_000;

/** What has to succeed in the finished image. */
export interface Expectation {
  readonly command: readonly string[];
  readonly user: string;
}

/** How an image is made, with all that goes in. */
export interface Definition {
  readonly name: string;
  readonly description: string;
  readonly alias: string;
  readonly bases: readonly BaseSource[];
  readonly versions: Readonly<Record<string, string>>;
  readonly steps: readonly BuildStep[];
  readonly expectations: readonly Expectation[];
  /** Largest published image, in bytes. */
  readonly maxBytes?: number;
}

/** Name of a pinned version in a step's environment. */
export function versionVariable(name: string): string {
  return `VERSION_${name.toUpperCase().replaceAll('-', '_')}`;
}
