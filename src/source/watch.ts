import { realpath, stat } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import type { Clock } from '../base/clock.ts';
import { isIgnored, isTelling } from './file-names.ts';
import { HintGate } from './hint-gate.ts';
import { needsPolling } from './remote-file-systems.ts';

/** Watching misses what it likes (overflows are silent), so everything is looked at this often all the same. */
const rescanMs = 30_000;

/** How often the directory itself is looked up: a link that is pointed elsewhere, or a mount, makes no event. */
const lookUpMs = 2_000;

/** How often file systems without events are looked through. */
const pollMs = 2_000;

/** What is watched, and who is told. */
export interface WatchInit {
  /** Absolute path of the directory; it may be a link, and may come and go. */
  readonly path: string;
  readonly clock: Clock;
  /** Something may have changed. Called at once for the first of several events, then at most every 200 ms. */
  readonly onHint: () => void;
  /** Whether changes have to be looked for; by default asked of the file system. */
  readonly needsPolling?: (path: string) => Promise<boolean>;
}

/** Give hints of changes below a directory, until disposed of. A hint never says what changed: read it all. */
export function watchDirectory(init: WatchInit): AsyncDisposable {
  return new DirectoryWatch(init);
}

class DirectoryWatch implements AsyncDisposable {
  readonly #init: WatchInit;
  readonly #gate: HintGate;
  readonly #end = new AbortController();
  readonly #loops: Promise<unknown>;
  #watcher: FSWatcher | undefined;
  /** What the watcher was opened on; undefined while there is nothing to watch. */
  #watched: string | undefined;
  #hasFailed = false;

  constructor(init: WatchInit) {
    this.#init = init;
    this.#gate = new HintGate(init.clock, init.onHint);
    this.#loops = Promise.all([this.#follow(), this.#rescan()]);
  }

  async #rescan(): Promise<void> {
    while (await this.#sleep(rescanMs)) this.#gate.hit();
  }

  async #follow(): Promise<void> {
    do await this.#lookUp();
    while (await this.#sleep(lookUpMs));
  }

  /** @returns false when watching has ended */
  async #sleep(ms: number): Promise<boolean> {
    // Rejects only because watching ends.
    return this.#init.clock.sleep(ms, this.#end.signal).then(
      () => true,
      () => false,
    );
  }

  async #lookUp(): Promise<void> {
    // Not there, or not readable: reading the source says so; here it only means that there is nothing to watch.
    const root = await identify(this.#init).catch(() => undefined);
    if (root?.identity === this.#watched && !this.#hasFailed) return;
    const isFirst = this.#watched === undefined && root === undefined;
    await this.#watcher?.close();
    this.#watcher = undefined;
    this.#watched = root?.identity;
    const mustPoll = this.#hasFailed || root?.isRemote === true;
    this.#hasFailed = false;
    if (root && !this.#end.signal.aborted) this.#watcher = this.#open(root.real, mustPoll);
    if (!isFirst) this.#gate.hit();
  }

  #open(root: string, usePolling: boolean): FSWatcher {
    const watcher = watch(root, {
      ignoreInitial: true,
      atomic: false,
      usePolling,
      interval: pollMs,
      binaryInterval: pollMs,
      ignored: (path, stats) => {
        const name = relative(root, path);
        if (name !== '' && name.split(sep).some(isIgnored)) return true;
        // The watch on their directory tells of files too. Only polling has to look at each.
        return !usePolling && stats?.isFile() === true;
      },
    });
    // `raw` because chokidar holds back a second change of a file within 50 ms, which would stay unseen until a rescan.
    watcher.on('raw', (_event, path) => {
      if (isTelling(path)) this.#gate.hit();
    });
    // Folders and links come and go.
    watcher.on('all', () => this.#gate.hit());
    // What happened before the watcher stood.
    watcher.on('ready', () => this.#gate.hit());
    watcher.on('error', () => {
      // Out of watches, most likely (inotify(7)): the next look-up opens it again, polling.
      this.#hasFailed = true;
      this.#gate.hit();
    });
    return watcher;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    this.#gate[Symbol.dispose]();
    await this.#loops;
    await this.#watcher?.close();
  }
}

interface Root {
  readonly real: string;
  /** Changes when another directory is there now: a link pointed elsewhere, something mounted, other permissions. */
  readonly identity: string;
  readonly isRemote: boolean;
}

async function identify({ path, needsPolling: isRemote = needsPolling }: WatchInit): Promise<Root> {
  const real = await realpath(path);
  const { dev, ino, mode } = await stat(real, { bigint: true });
  return { real, identity: `${dev} ${ino} ${mode} ${real}`, isRemote: await isRemote(real) };
}
