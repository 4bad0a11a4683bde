import { Problem } from '../base/problem.ts';
import { renderBytes } from '../base/units.ts';
import type { SavedSession } from '../session/save/store.ts';
import type { SavedSessions } from '../session/save/saved-sessions.ts';
import { exitCodes } from './failure.ts';
import { meantTool, usualToolHere, type ToolFlags } from './meant-tool.ts';
import { jsonText, printable } from './printable.ts';
import { savedSessions } from './resume-session.ts';
import type { Verb } from './verb.ts';

/** `coi info`: what is known of a saved session; of the one saved last without an id. */
export const info: Verb = async ({ io, args, options }) => {
  const { format, ...flags } = options as ToolFlags & { readonly format?: string };
  // The command to resume it with is given where the session was, and without the profile.
  const { profile: _profile, ...here } = flags;
  const usual = await usualToolHere(io, here);
  const tool = await meantTool(io, flags);
  const saved = await savedSessions(io, tool);
  const session = await sessionMeant(saved, tool, args[0]);
  const { files, bytes } = await saved.size(session.id);
  const { id, container, persistent, workspace, savedAt, hasData, leftOut } = session;
  const facts = {
    id,
    tool,
    container,
    persistent,
    workspace,
    saved_at: savedAt,
    has_data: hasData,
    bytes,
    left_out: leftOut,
  };
  const resume = `coi shell${tool === usual ? '' : ` --tool ${tool}`} --resume=${id}`;
  const path = saved.pathOf(id);
  if (format === 'json') io.stdout.write(jsonText({ ...facts, path, resume }));
  else {
    const lines = [
      `Session ID: ${id}`,
      `Tool: ${tool}`,
      `Container name: ${container}${persistent ? ' (persistent)' : ''}`,
      `Workspace: ${workspace}`,
      `Saved: ${savedAt}`,
      `Data: ${hasData ? `present, ${renderBytes(bytes)} in ${files} files` : 'missing'}`,
      ...(leftOut > 0 ? [`Left out: ${leftOut}`] : []),
      `Path: ${path}`,
      `Resume: ${resume}`,
    ];
    io.stdout.write(`${lines.map(printable).join('\n')}\n`);
  }
  return exitCodes.done;
};

async function sessionMeant(saved: SavedSessions, tool: string, id: string | undefined): Promise<SavedSession> {
  const session = id === undefined ? (await saved.list())[0] : await saved.find(id);
  if (session) return session;
  const which =
    id === undefined ? `No session of ${tool} is saved` : `There is no saved session "${id.slice(0, 80)}" of ${tool}`;
  throw new Problem({ code: 'session.unknown', message: which, hint: 'See them with: coi list --all' });
}
