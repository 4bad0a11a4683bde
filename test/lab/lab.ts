import { chmod, mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedImage, type ImageName } from './image-cache.ts';
import { IncusDaemon } from './incus-daemon.ts';
import { Inside, type InsideOptions, type RunResult } from './inside.ts';
import { openNamespaces, type Namespaces } from './namespaces.ts';
import { openNeighbour, type Neighbour, type NeighbourName } from './neighbour.ts';
import { preseed } from './preseed.ts';
import { requireLab } from './require.ts';
import type { Running } from './running.ts';

/** What a lab starts with. */
export interface LabOptions {
  /** Images to import under their names as aliases; `busybox` unless given. */
  readonly images?: readonly ImageName[];
  /** Shown in the lab's directory name, so that a person finds it. */
  readonly name?: string;
}

/**
 * A throw-away Incus in network and mount namespaces of its own: storage pool `default`, bridge `coibr0`, profile
 * `default` with a root disk. Nothing of it is shared with the machine, and nothing stays when it is disposed of or
 * when the process that opened it ends.
 */
export class Lab implements AsyncDisposable {
  readonly dir: string;
  /** For `INCUS_DIR`. */
  readonly incusDir: string;
  /** Path of incusd's unix socket; works from outside of the lab as well. */
  readonly socket: string;
  /** Empty directories for a controller that is started inside. */
  readonly stateDir: string;
  readonly runDir: string;
  readonly inside: Inside;
  readonly daemon: IncusDaemon;
  readonly #namespaces: Namespaces;
  readonly #neighbours = new Map<NeighbourName, Promise<Neighbour>>();

  constructor(dir: string, namespaces: Namespaces) {
    this.dir = dir;
    this.incusDir = join(dir, 'incus');
    this.socket = join(this.incusDir, 'unix.socket');
    this.stateDir = join(dir, 'state');
    this.runDir = join(dir, 'run');
    this.#namespaces = namespaces;
    this.inside = new Inside(namespaces.holder, { INCUS_DIR: this.incusDir, INCUS_CONF: join(dir, 'conf') });
    this.daemon = new IncusDaemon(this.inside, this.socket);
  }

  /** The lab's network namespace, as `nsenter --net=` takes it. */
  get netns(): string {
    return this.inside.netns;
  }

  /** Runs a program inside to its end. Never throws for what the program does: look at `exitCode`. */
  run(argv: readonly string[], options: InsideOptions = {}): Promise<RunResult> {
    return this.inside.run(argv, options);
  }

  /** Starts a program inside that goes on, until the lab ends at the latest. */
  spawn(argv: readonly string[], options: Pick<InsideOptions, 'env' | 'cwd'> = {}): Running {
    return this.inside.spawn(argv, options);
  }

  /** Runs the incus command line program and gives what it printed; throws when it fails. */
  incus(...args: string[]): Promise<string> {
    return this.inside.output(['incus', ...args]);
  }

  /** Starts the stopped incusd and waits until it answers. */
  startIncusd(): Promise<void> {
    return this.daemon.start();
  }

  /** Ends incusd; containers go on. */
  stopIncusd(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    return this.daemon.stop(signal);
  }

  /** Ends incusd and starts it again; containers go on meanwhile. */
  async restartIncusd({ signal = 'SIGTERM' }: { signal?: 'SIGTERM' | 'SIGKILL' } = {}): Promise<void> {
    await this.stopIncusd(signal);
    await this.startIncusd();
  }

  /** A host outside of the lab's own, made when first asked for. */
  neighbour(name: NeighbourName): Promise<Neighbour> {
    const known = this.#neighbours.get(name) ?? openNeighbour(this.inside, name);
    this.#neighbours.set(name, known);
    return known;
  }

  /** Builds the image if need be and imports it under its name. */
  async addImage(name: ImageName): Promise<void> {
    const { meta, rootfs } = await cachedImage(name);
    await this.incus('image', 'import', meta, rootfs, '--alias', name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#namespaces.close();
  }
}

/**
 * Opens a lab; about 3 s when its images are in the cache.
 *
 * @throws when the machine has no real Incus (see {@link requireLab}) or a part of the lab does not come up.
 */
export async function openLab({ images = ['busybox'], name = 'test' }: LabOptions = {}): Promise<Lab> {
  requireLab();
  // Not tmpdir(): unix socket paths end at 107 bytes. Containers' mapped root has to be able to walk through.
  const dir = await mkdtemp(`/var/tmp/coi-lab-${name.slice(0, 12)}-`);
  await chmod(dir, 0o711);
  const lab = new Lab(dir, await openNamespaces(dir));
  try {
    await Promise.all([lab.incusDir, lab.stateDir, lab.runDir].map((each) => mkdir(each, { mode: 0o711 })));
    await Promise.all(images.map(cachedImage));
    await lab.startIncusd();
    await lab.inside.output(['incus', 'admin', 'init', '--preseed'], { input: preseed });
    for (const image of images) await lab.addImage(image);
    return lab;
  } catch (error) {
    await lab[Symbol.asyncDispose]();
    throw error;
  }
}
