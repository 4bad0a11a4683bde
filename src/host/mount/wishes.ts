/** What is made where a path is protected and nothing is there: an empty directory, or a file with this text. */
export type Missing = 'directory' | { readonly text: string };

/** A path of the workspace that is to be read-only. */
export interface Wish {
  readonly path: string;
  readonly missing: Missing;
}

/** The wishes of one directory, by the names in it. */
export interface WishTree {
  readonly below: Map<string, WishTree>;
  /** Set where the path itself is to be read-only; what is below it is so then, too. */
  seal?: Missing;
}

/** Put wishes in the order in which they can be carried out: from above. */
export function treeOf(wishes: readonly Wish[]): WishTree {
  const top: WishTree = { below: new Map() };
  for (const { path, missing } of wishes) {
    let at = top;
    for (const name of path.split('/')) {
      const next = at.below.get(name) ?? { below: new Map() };
      at.below.set(name, next);
      at = next;
    }
    at.seal ??= missing;
  }
  return top;
}
