import * as z from 'zod';
import type { Manifest } from '../spec/sandbox.ts';
import { sessionIdOf } from './session-id.ts';
import type { Stamp } from './stamp.ts';
import type { OwnedInstance } from './world.ts';

/** What must be known of a session to save it when its manifest is gone already. */
export interface SessionStamp {
  readonly id: string;
  /** Name of the agent. */
  readonly tool: string;
  /** Numeric id of the user of the host whose session it is. */
  readonly owner: number;
  /** Absolute; empty for a sandbox without one. */
  readonly workspace: string;
  readonly persistent: boolean;
  /** Name of the user inside. */
  readonly user: string;
  /** Whether it continues what was saved earlier: until that is in the instance, nothing of it is worth saving. */
  readonly resumes?: true;
}

export const sessionStampSchema: z.ZodType<SessionStamp> = z.object({
  id: z.string(),
  tool: z.string(),
  owner: z.number(),
  workspace: z.string(),
  persistent: z.boolean(),
  user: z.string(),
  resumes: z.literal(true).exactOptional(),
});

/** What there is to save of a sandbox; undefined where it has no agent that coi knows, or is nobody's. */
export function sessionStampOf({ sandbox, owner }: Manifest, uid: string): SessionStamp | undefined {
  const { tool, session, workspace = '', persistent, codeUser } = sandbox;
  if (tool.name === undefined || !owner) return undefined;
  const id = session?.id ?? sessionIdOf(uid);
  const resumes = session?.resumes && { resumes: true as const };
  return { id, tool: tool.name, owner: owner.uid, workspace, persistent, user: codeUser.name, ...resumes };
}

/**
 * Whether nothing is to be put into an instance for a session, and the session is noted. That it was saved is no sign of it:
 * it counts as saved, too, where somebody did not want it to be.
 */
export function isInPlace({ restored }: Pick<Stamp, 'restored'>, { id }: SessionStamp): boolean {
  return restored === id;
}

/** Whether the state of its session is in an instance: it began there, or what was saved of it was put there. */
export function holdsState({ session, restored }: Pick<Stamp, 'session' | 'restored'>): boolean {
  return session !== undefined && isInPlace({ restored }, session);
}

/**
 * Whether something ran in it since it was last saved. What was never started holds nothing, and what an earlier session
 * was not put into yet would replace the only good copy.
 */
export function isUnsaved({ stamp, startedAt }: OwnedInstance): boolean {
  return holdsState(stamp) && startedAt !== undefined && (stamp.saved ?? 0) < startedAt;
}
