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
  /** What a file of the home directory inside holds now; undefined when there is none. */
  readonly readInside: (path: string) => Promise<Buffer | undefined>;
}

/** Knows how agents are started. */
export interface AgentRecipes {
  /** @throws {Problem} when something of the user's cannot be taken as it is */
  startOf(ask: AgentAsk): Promise<AgentStart>;
}
