import { randomUUID } from 'node:crypto';
import type { Origin, Sandbox, SessionPart } from '../spec/sandbox.ts';

/** What is other than in the original. */
export interface CopyInit {
  readonly origin: Origin;
  readonly state: 'running' | 'stopped';
  /** Absolute and without links; that of the original unless given. */
  readonly workspace?: string | undefined;
}

/**
 * The settings of a copy: those of the original, and a session of its own. It is for no process, not being shut down, and
 * nobody started or stopped it by a command, whatever the original is. What an agent was asked at its start is in the conversation that the copy goes on with; to be
 * there for `coi shell` to go on in, a copy that is not to run is persistent.
 */
export function copiedSandbox(original: Sandbox, { origin, state, workspace }: CopyInit): Sandbox {
  const { lease: _lease, endsWithin: _endsWithin, asked: _asked, prompt, session, ...kept } = original;
  return {
    ...kept,
    state,
    ...(state === 'stopped' && { persistent: true }),
    ...(workspace !== undefined && { workspace }),
    ...(prompt !== undefined && original.tool.name === undefined && { prompt }),
    ...ownSession(original, session),
    origin,
  };
}

/**
 * A session that is saved under an id of its own. It does not resume what was saved: what it goes on with is in the copy
 * already. Where a command showed the agent in its own terminal, nobody does in a copy.
 */
function ownSession({ tool }: Sandbox, session: SessionPart | undefined): Pick<Sandbox, 'session'> {
  if (!session && tool.name === undefined) return {};
  return { session: { id: randomUUID(), ...(session?.debug && { debug: true as const }) } };
}
