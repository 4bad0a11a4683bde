import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { callerIdentity, type CallerIdentity, type IdentityCall } from './caller-identity.ts';

/** What there is on this host to log in to AWS with. */
export interface AwsFound {
  readonly identity: CallerIdentity;
  /** Whether the owner has a directory `~/.aws`. */
  readonly hasDirectory: boolean;
  /** Files of single sign-on that others than the owner can read, absolute. */
  readonly looseFiles: readonly string[];
  /** Directories `.aws` of a macOS that shares its files with this virtual machine, absolute. */
  readonly macDirectories: readonly string[];
}

/** How it is looked for. */
export interface AwsLook extends IdentityCall {
  /** Where macOS has the homes of its users; `/Users` unless given. */
  readonly macHomes?: string;
}

/** Permission bits that let group and others read. */
const readableByOthers = 0o044;

/**
 * Looks at the AWS login of a user. Of his files only names and modes are looked at, whoever this process is; what opens
 * them is the AWS CLI, as that user.
 *
 * @throws the signal's reason when it aborts
 */
export async function lookAtAws({ macHomes = '/Users', ...call }: AwsLook): Promise<AwsFound> {
  const directory = join(call.owner.home, '.aws');
  const [identity, hasDirectory, looseFiles, macDirectories] = await Promise.all([
    callerIdentity(call),
    isDirectory(directory),
    looseFilesIn(join(directory, 'sso/cache')),
    macDirectoriesIn(macHomes),
  ]);
  return { identity, hasDirectory, looseFiles, macDirectories };
}

async function looseFilesIn(directory: string): Promise<string[]> {
  const files = (await namesIn(directory))
    .filter((name) => name.endsWith('.json'))
    .map((name) => join(directory, name));
  const areLoose = await Promise.all(files.map(isLoose));
  return files.filter((_, index) => areLoose[index]);
}

async function isLoose(file: string): Promise<boolean> {
  // The AWS CLI replaces these files while they are looked at: what is gone is not loose. In a directory that may be listed
  // and not entered, nobody reads them.
  const stats = await lstat(file).catch(() => undefined);
  return stats !== undefined && stats.isFile() && (stats.mode & readableByOthers) !== 0;
}

async function macDirectoriesIn(homes: string): Promise<string[]> {
  const directories = (await namesIn(homes)).map((name) => join(homes, name, '.aws'));
  const areThere = await Promise.all(directories.map(isDirectory));
  return directories.filter((_, index) => areThere[index]);
}

async function namesIn(directory: string): Promise<string[]> {
  // Most hosts have no such directory; where it may not be listed there is nothing to say about it.
  const names: string[] = await readdir(directory).catch(() => []);
  return names.toSorted();
}

async function isDirectory(path: string): Promise<boolean> {
  // Not there, or nothing that this user could use.
  const stats = await stat(path).catch(() => undefined);
  return stats?.isDirectory() ?? false;
}
