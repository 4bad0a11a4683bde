import type { AgentLack } from '../plan/world.ts';
import type { Manifest } from '../spec/sandbox.ts';

/** Everything that an agent is started with. */
export interface AgentStart {
  readonly argv: readonly string[];
  /** Values may be secret: they go in by standard input. */
  readonly env: Readonly<Record<string, string>>;
  /** Files for the home directory inside, as an archive, see tar(5); undefined without any. */
  readonly files: Uint8Array | undefined;
  readonly lack: AgentLack | undefined;
}

/** What a start is asked for. */
export interface AgentAsk {
  readonly manifest: Manifest;
  /** Of its instance. */
  readonly uid: string;
  readonly inside: InsideFiles;
  /** Whether what it did before is inside, for it to go on with. */
  readonly goesOn: boolean;
}

/** A file of the home directory inside. */
export interface InsideFile {
  /** Relative to the home directory. */
  readonly path: string;
  /** Milliseconds since 1970. */
  readonly modifiedAt: number;
}

/** The home directory inside, as its user sees it. What is in it is up to whoever is inside. */
export interface InsideFiles {
  /** What a file holds now; undefined when there is none. */
  read(path: string): Promise<Buffer | undefined>;
  /** The files that were written to last of those in some directories; none where that cannot be told. */
  newest(directories: readonly string[]): Promise<readonly InsideFile[]>;
}

/** Knows how agents are started. */
export interface AgentRecipes {
  /** @throws {Problem} when something of the user's cannot be taken as it is */
  startOf(ask: AgentAsk): Promise<AgentStart>;
}
