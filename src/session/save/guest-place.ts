import { isName } from '../../host/tree/held-directory.ts';

/** Which files inside are the state of a tool. Paths are relative to the home, without `.` and `..`. */
export interface GuestPlace {
  /** Home directory inside, absolute. */
  readonly home: string;
  /** Directories and files that are saved and restored, `.claude` or `.config/opencode`. */
  readonly paths: readonly string[];
  /** What of them is never in the copy and never put back: credentials, which come from the host each time. */
  readonly exclude: readonly string[];
}

/** The names that a relative path is made of. @throws {TypeError} for one that leads elsewhere than down */
export function namesOf(path: string): Buffer[] {
  const names = path.split('/').map((name) => Buffer.from(name));
  if (!names.every(isName)) throw new TypeError(`not a path below a home: ${JSON.stringify(path)}`);
  return names;
}

/** Tells what is excluded, by paths relative to the home. */
export function exclusion({ exclude }: GuestPlace): (path: Buffer) => boolean {
  const paths = new Set(exclude.map((path) => Buffer.concat(namesOf(path).flatMap(withSlash)).toString('latin1')));
  return (path) => paths.has(Buffer.concat([Buffer.from('/'), path]).toString('latin1'));
}

function withSlash(name: Buffer): Buffer[] {
  return [Buffer.from('/'), name];
}
