import { createHash } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { messageOf, Problem } from '../base/problem.ts';
import type { ListedFile } from './listing.ts';
import type { ParsedManifests, ParseManifests } from './source.ts';
import { readTrustedFile } from './trusted-file.ts';

/**
 * File systems stamp times as coarsely as 2 s (FAT), most of them per timer tick: a file that changed so recently may
 * change again without looking any different, so it is read again next time.
 */
const coarsestTimeMs = 2_000;

/** Files that are open at once at most. */
const maxOpen = 64;

/** A manifest file and what it says. */
export interface ReadFile extends ParsedManifests {
  readonly listed: ListedFile;
  /** Hash of its content; absent where it could not be read. */
  readonly contentHash?: string;
}

/** What reading needs besides the files. */
export interface FileCacheInit {
  readonly source: string;
  readonly parse: ParseManifests;
  /** Home directory of a user id. */
  readonly homeOf: (uid: number) => Promise<string>;
  /** Whose files they are, where that does not follow from who wrote them. */
  readonly ownerUid?: number;
  readonly clock: Clock;
}

interface Cached {
  readonly file: ReadFile;
  readonly uid?: number;
  /** Whether an equal stamp proves that the content is the same. */
  readonly isSettled: boolean;
}

/** Remembers what files said, so that only changed ones are read and only changed texts are parsed. */
export class FileCache {
  readonly #init: FileCacheInit;
  #files = new Map<string, Cached>();
  #reads = 0;

  constructor(init: FileCacheInit) {
    this.#init = init;
  }

  /** Whether the last {@link read} could answer everything from memory. */
  get wasUnchanged(): boolean {
    return this.#reads === 0;
  }

  /** Read files, in the order given; what is wrong with one of them is among its problems. */
  async read(root: string, listed: readonly ListedFile[]): Promise<ReadFile[]> {
    const before = this.#files;
    const now = this.#init.clock.now();
    const fresh = new Map<string, Cached>();
    this.#reads = before.size === listed.length ? 0 : 1;
    const queue = listed.values();
    const reader = async () => {
      for (const file of queue)
        fresh.set(file.name, await this.#one(root, file, { known: before.get(file.name), now }));
    };
    await Promise.all(Array.from({ length: maxOpen }, reader));
    this.#files = fresh;
    return listed.map(({ name }) => fresh.get(name)!.file);
  }

  async #one(
    root: string,
    listed: ListedFile,
    { known, now }: { readonly known: Cached | undefined; readonly now: number },
  ): Promise<Cached> {
    const isSame = known?.file.listed.stamp === listed.stamp && known.file.listed.real === listed.real;
    if (known?.isSettled && isSame) return known;
    this.#reads += 1;
    if (listed.fault) return { file: broken(listed, listed.fault), isSettled: true };
    const isSettled = listed.changedMs + coarsestTimeMs < now;
    try {
      const { text, uid } = await readTrustedFile({ shown: listed.path, real: listed.real, root });
      const contentHash = createHash('sha256').update(text).digest('base64url');
      if (known?.file.contentHash === contentHash && known.uid === uid) {
        return { file: { ...known.file, listed }, uid, isSettled };
      }
      const parsed = await this.#parse(listed, text, uid);
      return { file: { ...parsed, listed, contentHash }, uid, isSettled };
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return { file: broken(listed, error), isSettled: false };
    }
  }

  async #parse(listed: ListedFile, text: string, writer: number): Promise<ParsedManifests> {
    const { parse, homeOf, source, ownerUid: uid = writer } = this.#init;
    const owner = { uid, home: await homeOf(uid) };
    try {
      return parse({ path: listed.path, text, owner, source });
    } catch (error) {
      // One file must not keep all others from being read, whatever it does to the parser.
      throw new Problem({
        code: 'source.parser',
        message: `the file made the parser fail: ${messageOf(error)}`,
        hint: 'This is a fault of coi: please report it with the file.',
        position: { file: listed.path },
        cause: error,
      });
    }
  }
}

function broken(listed: ListedFile, problem: Problem): ReadFile {
  return { listed, manifests: [], problems: [problem], names: [] };
}
