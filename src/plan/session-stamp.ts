import * as z from 'zod';
import type { Manifest } from '../spec/sandbox.ts';
import { sessionIdOf } from './session-id.ts';
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
}

export const sessionStampSchema: z.ZodType<SessionStamp> = z.object({
  id: z.string(),
  tool: z.string(),
  owner: z.number(),
  workspace: z.string(),
  persistent: z.boolean(),
  user: z.string(),
});

/** What there is to save of a sandbox; undefined where it has no agent that coi knows, or is nobody's. */
export function sessionStampOf({ sandbox, owner }: Manifest, uid: string): SessionStamp | undefined {
  const { tool, session, workspace = '', persistent, codeUser } = sandbox;
  if (tool.name === undefined || !owner) return undefined;
  const id = session?.id ?? sessionIdOf(uid);
  return { id, tool: tool.name, owner: owner.uid, workspace, persistent, user: codeUser.name };
}

/** Whether something ran in it since it was last saved. What was never started holds nothing. */
export function isUnsaved({ stamp, startedAt }: OwnedInstance): boolean {
  return stamp.session !== undefined && startedAt !== undefined && (stamp.saved ?? 0) < startedAt;
}
