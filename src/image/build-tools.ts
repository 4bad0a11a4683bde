import type { Clock } from '../base/clock.ts';
import type { Incus } from '../host/incus/client.ts';
import type { ImageUser } from './users.ts';
import type { RegistryCall } from '../host/registries/ask-program.ts';

/** What names of build containers begin with: a prefix of nobody, so that commands on all sessions do not mean them. */
export const buildPrefix = 'coi-build-';

/** The one container that an alias is built in, kept between builds while its stages are worth it. */
export interface BuildContainer {
  /** The one of an earlier build, once it stands still; undefined where there is none. */
  find(): Promise<KeptContainer | undefined>;
  /** Delete it, and wait until it is gone. */
  drop(): Promise<void>;
  /**
   * Have it created from an image or started again, do something in it, and have it stopped.
   *
   * @param image fingerprint
   */
  run<T>(image: string, work: (instance: string) => Promise<T>): Promise<T>;
}

/** A build container that stands still. */
export interface KeptContainer {
  readonly instance: string;
  /** Fingerprint of the image that it was created from. */
  readonly image: string;
}

/** What building takes. */
export interface BuildTools {
  readonly incus: Pick<Incus, 'images' | 'instances' | 'operations' | 'snapshots' | 'exec' | 'server'>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** What registries are read with. Only asked for where something is to be built. */
  readonly registries: () => Promise<RegistryCall>;
  /** Tell a person. */
  readonly say: (line: string) => void;
  /** Tell a person that something takes long, while it does. */
  readonly during: <T>(what: string, work: () => Promise<T>) => Promise<T>;
  /** Which Incus this is: builds on different ones have nothing to do with each other. */
  readonly place: string;
  /** The container that an alias is built in. Only asked for where something is to be built. */
  readonly container: (alias: string) => Promise<BuildContainer>;
  /** The folder of a definition by its name. */
  readonly find: (name: string) => Promise<string>;
  /** Who needs images. */
  readonly users: () => Promise<readonly ImageUser[]>;
  /** How many versions of an image stay. */
  readonly keep: number;
  /** Aliases that are being built for each other, from the first on. */
  readonly above?: readonly string[];
}

/** How one stage went. */
export interface StageReport {
  readonly name: string;
  /** Whether it was there from an earlier build. */
  readonly cached: boolean;
  readonly seconds: number;
}

/** What a build came to. */
export interface Built {
  readonly alias: string;
  /** Alias of this very version; absent where the image has none. */
  readonly versionAlias?: string;
  readonly fingerprint: string;
  /** Whether there was nothing to do. */
  readonly skipped: boolean;
  readonly stages: readonly StageReport[];
}
