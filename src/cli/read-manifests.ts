import { readFile, realpath, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, Problem, ProblemList } from '../base/problem.ts';
import type { ManifestText } from '../controller/control-api.ts';
import { listManifests, type ListedFile } from '../source/listing.ts';
import { maxFileBytes, readTrustedFile } from '../source/trusted-file.ts';

/** A manifest file and the numeric id of its owner. */
export interface OwnedText extends ManifestText {
  readonly uid: number;
}

/** What paths on a command line lead to. */
export interface Manifests {
  readonly texts: readonly OwnedText[];
  /** Files that cannot be read; in directories also those that the controller would not read either. */
  readonly problems: readonly Problem[];
}

/**
 * Manifest files that a command names: files as they are, directories as the controller reads them. Paths stay as they were
 * given, so that messages can be clicked.
 */
export async function readManifests(paths: readonly string[], cwd: string): Promise<Manifests> {
  const texts: OwnedText[] = [];
  const problems: Problem[] = [];
  for (const path of paths) {
    try {
      const found = await readPath(path, cwd);
      texts.push(...found.texts);
      problems.push(...found.problems);
    } catch (error) {
      problems.push(error instanceof Problem ? error : unreadable(path, error));
    }
  }
  return { texts, problems };
}

/** The same where all of them are needed. @throws {ProblemList} when any of them cannot be read */
export async function requireManifests(paths: readonly string[], cwd: string): Promise<ManifestText[]> {
  const { texts, problems } = await readManifests(paths, cwd);
  if (problems.length > 0) throw new ProblemList(problems);
  return texts.map(({ file, text }) => ({ file, text }));
}

async function readPath(path: string, cwd: string): Promise<Manifests> {
  const full = resolve(cwd, path);
  const info = await stat(full);
  if (info.isDirectory()) return readDirectory(path, await realpath(full));
  // Pipes too: `-f <(generate)`. Not devices, some of which never end.
  if (!info.isFile() && !info.isFIFO()) throw problem(`"${path}" is neither a file nor a directory`, 'Check the path');
  const text = info.size > maxFileBytes ? undefined : await readFile(full, 'utf8');
  if (text === undefined || Buffer.byteLength(text) > maxFileBytes) {
    throw problem(`"${path}" is larger than 1 MiB`, 'Split it into several files');
  }
  return { texts: [{ file: path, text, uid: info.uid }], problems: [] };
}

async function readDirectory(shown: string, real: string): Promise<Manifests> {
  const { files, problems } = await listManifests({ shown, real });
  if (files.length + problems.length === 0) {
    throw problem(`"${shown}" has no *.toml files`, 'Name a file, or another directory');
  }
  const read = await Promise.all(files.map((file) => readListed(file, real)));
  return {
    texts: read.filter((each): each is OwnedText => !(each instanceof Problem)),
    problems: [...problems, ...read.filter((each) => each instanceof Problem)],
  };
}

async function readListed({ path, real, fault }: ListedFile, root: string): Promise<OwnedText | Problem> {
  if (fault) return fault;
  try {
    return { file: path, ...(await readTrustedFile({ shown: path, real, root })) };
  } catch (error) {
    return error instanceof Problem ? error : unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): Problem {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  if (isMissing) return problem(`There is no "${path}"`, 'Check the path', cause);
  const hint = 'Check the permissions of the file and the directories above it';
  return problem(`Cannot read "${path}": ${messageOf(cause)}`, hint, cause);
}

function problem(message: string, hint: string, cause?: unknown): Problem {
  return new Problem({ code: 'cli.unreadable', message, hint, cause });
}
