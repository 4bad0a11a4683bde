import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Problem } from '../base/problem.ts';
import { assemble, type KnownManifests } from './assemble.ts';
import { assembleImages, type KnownImages } from './assemble-images.ts';
import { FileCache } from './file-cache.ts';
import {
  codeOf,
  derivedId,
  readSentinel,
  sentinelMissing,
  sentinelOther,
  writeSentinel,
  type Sentinel,
} from './sentinel.ts';
import { takeSnapshot, type Snapshot } from './snapshot.ts';
import type { ParseManifests, Source, SourceRead } from './source.ts';
import { isOpenToAll, unreadable, worldWritable } from './trusted-file.ts';
import { untilAborted } from '../base/until-aborted.ts';
import { Turns } from '../base/turns.ts';
import { watchDirectory } from './watch.ts';

/** What a source of files needs. */
export interface FileSourceInit {
  /** Absolute path of the directory; it may be a link, and need not be there yet. */
  readonly path: string;
  readonly parse: ParseManifests;
  /** Home directory of a user id. */
  readonly homeOf: (uid: number) => Promise<string>;
  /** Whether any instance carries the stamp of the source with this id. */
  readonly ownsSomething: (id: string) => boolean;
  readonly clock: Clock;
  /** Whose files they are, where that does not follow from who wrote them. */
  readonly ownerUid?: number;
  /** `false`: never write a sentinel. */
  readonly isMarked?: boolean;
}

/**
 * Open a directory of manifests as a source. Its id stands in its sentinel `.coi-source`, so that it stays the same when
 * the directory moves; without one it follows from the path.
 *
 * Whoever can write manifests commands root: the directory, its folders and its files are refused when everybody may
 * write to them. Who may write beyond that, and to the directories above, is up to whoever names the directory. A file
 * speaks with the rights of root, whoever owns it; its owner only decides what `~` means.
 */
export async function openDirectorySource(init: FileSourceInit): Promise<Source> {
  if (!isAbsolute(init.path)) throw new Error(`not an absolute path: ${init.path}`);
  const path = resolve(init.path);
  return new FileSource({ ...init, path, kind: 'directory', id: await idOf(path) });
}

async function idOf(path: string): Promise<string> {
  // A directory that is not there yet is opened all the same; reading it says what is wrong.
  const real = await realpath(path).catch(() => undefined);
  const sentinel: Sentinel = real === undefined ? { kind: 'absent' } : await readSentinel({ shown: path, real });
  return sentinel.kind === 'id' ? sentinel.id : derivedId(path);
}

/** A directory, with who reads it and as what. */
export interface FileSourceIdentity extends FileSourceInit {
  readonly id: string;
  /** In a session source, `state = "absent"` is a command to delete, and a directory that is not there is empty. */
  readonly kind: Source['kind'];
}

interface Root {
  readonly shown: string;
  readonly real: string;
}

/** A directory of manifest files. */
export class FileSource implements Source {
  readonly id: string;
  readonly kind: Source['kind'];
  readonly path: string;
  readonly #init: FileSourceIdentity;
  readonly #cache: FileCache;
  #known: KnownManifests = new Map();
  #images: KnownImages = new Map();
  readonly #turns = new Turns();

  constructor(init: FileSourceIdentity) {
    this.id = init.id;
    this.kind = init.kind;
    this.path = init.path;
    this.#init = init;
    this.#cache = new FileCache({ ...init, source: init.id });
  }

  watch(onHint: () => void): AsyncDisposable {
    return watchDirectory({ path: this.path, clock: this.#init.clock, onHint });
  }

  read(signal: AbortSignal): Promise<SourceRead> {
    return this.#turns.take(() => untilAborted(this.#read(signal), signal));
  }

  async #read(signal: AbortSignal): Promise<SourceRead> {
    const { clock } = this.#init;
    try {
      const root = await findRoot(this.path);
      const snapshot = await takeSnapshot(root, { cache: this.#cache, clock, signal });
      signal.throwIfAborted();
      return await this.#conclude(root, snapshot);
    } catch (error) {
      if (signal.aborted) throw error;
      if (this.#mayBeMissing(error)) return emptyRead;
      return { kind: 'failed', problem: error instanceof Problem ? error : rootProblem(this.path, error) };
    }
  }

  #mayBeMissing(error: unknown): boolean {
    return this.kind === 'session' && codeOf(error) === 'ENOENT' && !this.#init.ownsSomething(this.id);
  }

  async #conclude(root: Root, { listing, files, problems }: Snapshot): Promise<SourceRead> {
    const sentinel = await readSentinel(root, this.id);
    if (sentinel.kind === 'id' && sentinel.id !== this.id) {
      return { kind: 'failed', problem: sentinelOther(this.path, { found: sentinel.id, expected: this.id }) };
    }
    const said = assemble(files, this.#known);
    const images = assembleImages(files, this.#images);
    const isUnmounted = sentinel.kind !== 'id' && listing.files.length === 0 && this.#init.ownsSomething(this.id);
    const missing = isUnmounted ? [sentinelMissing(this.path, this.id)] : [];
    // Files that could not even be listed keep what they said.
    const isListed = problems.length === 0 && !isUnmounted;
    this.#known = isListed ? said.known : new Map([...this.#known, ...said.known]);
    this.#images = isListed ? images.known : new Map([...this.#images, ...images.known]);
    const all = [...problems, ...said.problems, ...images.problems, ...missing];
    const result = { revision: said.revision, ...this.#split() };
    if (all.length > 0)
      return { kind: 'partial', problems: all, ...result, ...(await this.#mark(root, sentinel, false)) };
    return { kind: 'complete', ...result, ...(await this.#mark(root, sentinel, true)) };
  }

  /** Only a complete read marks a directory: a wrong one would be taken for the right one from then on. */
  async #mark(root: Root, sentinel: Sentinel, mayWrite: boolean): Promise<{ sentinel: boolean; warnings?: Problem[] }> {
    if (sentinel.kind === 'id') return { sentinel: true };
    if (sentinel.kind === 'invalid') return { sentinel: false, warnings: [sentinel.problem] };
    if (!mayWrite || this.#init.isMarked === false) return { sentinel: false };
    const warning = await writeSentinel(root, this.id);
    return warning ? { sentinel: false, warnings: [warning] } : { sentinel: true };
  }

  #split(): Pick<Extract<SourceRead, { kind: 'complete' }>, 'manifests' | 'tombstones' | 'images'> {
    const all = [...this.#known.values()].map(({ manifest }) => manifest);
    const isTombstone = (state: string) => this.kind === 'session' && state === 'absent';
    return {
      images: new Map([...this.#images].map(([name, { manifest }]) => [name, manifest])),
      manifests: new Map(all.filter(({ sandbox }) => !isTombstone(sandbox.state)).map((each) => [each.name, each])),
      tombstones: new Set(all.filter(({ sandbox }) => isTombstone(sandbox.state)).map(({ name }) => name)),
    };
  }
}

const emptyRead: SourceRead = {
  kind: 'complete',
  revision: '',
  manifests: new Map(),
  tombstones: new Set(),
  sentinel: false,
};

async function findRoot(path: string): Promise<Root> {
  const real = await realpath(path);
  const stats = await stat(real, { bigint: true });
  if (!stats.isDirectory()) throw notADirectory(path);
  if (isOpenToAll(stats)) throw worldWritable(path, 'directory');
  return { shown: path, real };
}

function notADirectory(path: string): Problem {
  return new Problem({
    code: 'source.not-a-directory',
    message: 'the source is not a directory',
    hint: 'Name the directory that holds the manifests.',
    position: { file: path },
  });
}

function rootProblem(path: string, error: unknown): Problem {
  if (codeOf(error) !== 'ENOENT') return unreadable(path, error);
  return new Problem({
    code: 'source.missing',
    message: 'the source directory is not there',
    hint: `Create it or mount it; sandboxes that came from it are left as they are until then.`,
    retry: 'backoff',
    position: { file: path },
    cause: error,
  });
}
