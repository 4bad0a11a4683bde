import type { CleanPart } from './clean-part.ts';
import type { Io } from './io.ts';
import { meantTool, type ToolFlags } from './meant-tool.ts';
import { plural } from './plural.ts';
import { printable } from './printable.ts';
import { savedSessions } from './resume-session.ts';

/** All saved sessions of an agent. */
export async function findSaved(io: Io, flags: ToolFlags): Promise<CleanPart> {
  const tool = await meantTool(io, flags);
  const saved = await savedSessions(io, tool);
  const sessions = await saved.list();
  return {
    count: sessions.length,
    question: `Delete ${plural(sessions.length, 'saved session')} of ${tool}?`,
    json: { sessions: sessions.map(({ id }) => id) },
    problems: [],
    show: () => {
      if (sessions.length === 0) return;
      const lines = sessions.map(({ id, workspace }) => `  ${id} (${printable(workspace)})`);
      io.stdout.write(`${[`Saved sessions of ${tool}:`, ...lines].join('\n')}\n`);
    },
    async remove() {
      const removed = await saved.removeAll();
      return { removed, left: 0, json: { sessions_removed: removed }, problems: [] };
    },
  };
}
