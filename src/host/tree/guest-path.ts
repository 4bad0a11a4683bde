/** A path inside, one name longer. Relative to what is copied from or to; empty for that itself. */
export function below(path: Buffer, name: Buffer): Buffer {
  return path.length === 0 ? name : Buffer.concat([path, slash, name]);
}

/** The absolute path of a relative one. @param base absolute; empty for the root */
export function inside(base: Buffer, path: Buffer): Buffer {
  return path.length === 0 && base.length > 0 ? base : Buffer.concat([base, slash, path]);
}

const slash = Buffer.from('/');
