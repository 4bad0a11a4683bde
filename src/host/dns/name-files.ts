import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { writeFileAtomically } from '../../base/atomic-file.ts';
import type { Clock } from '../../base/clock.ts';
import { KnownNames } from '../../network/names/known-names.ts';
import type { KnownName } from '../../network/names/known-names.ts';
import { parseAddress, renderAddress } from '../../network/address.ts';

/** A file that is larger was not written by coi, in bytes. */
const largestFile = 8 * 2 ** 20;

const address = z.string().refine((text) => {
  const parsed = parseAddress(text);
  return parsed !== undefined && renderAddress(parsed) === text;
});
const fileSchema = z.object({
  names: z.record(
    z.string(),
    z.object({
      last: z.object({ 4: z.array(address).optional(), 6: z.array(address).optional() }),
      /** Milliseconds since 1970. */
      until: z.record(address, z.number()),
    }),
  ),
});

/**
 * What is known of names, one file per sandbox: kept over restarts, and for when no server answers. A cache: what cannot be
 * read is as if nothing was known.
 */
export class NameFiles {
  readonly #dir: string;
  readonly #clock: Clock;
  readonly #writing = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, KnownNames>();

  constructor(dir: string, clock: Clock) {
    this.#dir = dir;
    this.#clock = clock;
  }

  #path(uid: string): string {
    return join(this.#dir, `${uid}.json`);
  }

  /** Times in the file are those of the wall clock, the others are monotonic. */
  #offset(): number {
    return this.#clock.now() - this.#clock.monotonic();
  }

  async load(uid: string): Promise<KnownNames> {
    try {
      const text = await readFile(this.#path(uid), 'utf8');
      if (text.length > largestFile) return new KnownNames();
      const { names } = fileSchema.parse(JSON.parse(text));
      const offset = this.#offset();
      return new KnownNames(
        Object.entries(names).map(([name, { last, until }]): [string, KnownName] => [
          name,
          {
            last: { ...(last[4] && { 4: last[4] }), ...(last[6] && { 6: last[6] }) },
            until: new Map(Object.entries(until).map(([to, time]) => [to, time - offset])),
          },
        ]),
      );
    } catch {
      // There is none yet, or it is damaged: names are looked up again.
      return new KnownNames();
    }
  }

  /** Writes what is known, soon; of what is asked for meanwhile, the last is written. Rejects as the file system does. */
  save(uid: string, known: KnownNames): Promise<void> {
    this.#waiting.set(uid, known);
    const writing = this.#writing.get(uid);
    if (writing) return writing;
    const all = this.#writeAll(uid).finally(() => this.#writing.delete(uid));
    this.#writing.set(uid, all);
    return all;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#writing.values());
  }

  async #writeAll(uid: string): Promise<void> {
    for (let known = this.#waiting.get(uid); known; known = this.#waiting.get(uid)) {
      this.#waiting.delete(uid);
      await mkdir(this.#dir, { recursive: true, mode: 0o700 });
      await writeFileAtomically(this.#path(uid), this.#render(known));
    }
  }

  #render(known: KnownNames): string {
    const offset = this.#offset();
    const names = [...known.all()].map(([name, { last, until }]) => {
      const times = [...until].map(([to, time]) => [to, Math.round(time + offset)] as const);
      return [name, { last, until: Object.fromEntries(times) }] as const;
    });
    return JSON.stringify({ names: Object.fromEntries(names) });
  }

  async remove(uid: string): Promise<void> {
    this.#waiting.delete(uid);
    // What a write under way says about its own failure is said to whoever asked for it.
    await this.#writing.get(uid)?.catch(() => undefined);
    await rm(this.#path(uid), { force: true });
  }

  /** Takes away the files of sandboxes that are not among these. */
  async keepOnly(uids: ReadonlySet<string>): Promise<void> {
    const files = await readdir(this.#dir).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const gone = files.filter((file) => !uids.has(file.replace(/\.json.*$/, '')));
    await Promise.all(gone.map((file) => rm(join(this.#dir, file), { force: true })));
  }
}
