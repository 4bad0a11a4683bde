import { workspaceInside } from '../spec/workspace-path.ts';
import type { Clock } from '../base/clock.ts';
import type { Manifest } from '../spec/sandbox.ts';
import { ownerOf } from './save/owner.ts';
import { SavedSessions } from './save/saved-sessions.ts';
import { findTool } from './tools/find-tool.ts';
import type { LaunchOptions } from './tools/tool.ts';

/** Whose earlier conversation is looked for. */
export interface EarlierInit {
  readonly manifest: Pick<Manifest, 'sandbox' | 'owner'>;
  /** Of the session. */
  readonly id: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** What an agent is to go on with: the conversation that was written to last of what was saved. */
export async function earlierConversation({
  manifest,
  id,
  clock,
  signal,
}: EarlierInit): Promise<LaunchOptions['resume']> {
  const { name } = manifest.sandbox.tool;
  if (name === undefined || !manifest.owner) return undefined;
  const tool = findTool(name);
  const place = { owner: await ownerOf(manifest.owner.uid), tool: name };
  const files = await new SavedSessions({ place, clock, signal }).files(id);
  return tool.newestSession(files, workspaceInside(manifest.sandbox)) ?? (tool.continuesByItself ? true : undefined);
}
