import type { SessionOpened } from '../controller/session-api.ts';
import type { Io } from './io.ts';
import { printable } from './printable.ts';
import type { AskedSession } from './session-request.ts';

/** How a session shows itself: in tmux, in tmux without anybody there, or by itself. */
export type ShellMode = 'tmux' | 'background' | 'direct';

const modes: Readonly<Record<ShellMode, string>> = {
  tmux: 'Interactive (tmux)',
  background: 'Background (tmux)',
  direct: 'Direct',
};

/** What is told on stderr of a session that begins. */
export interface ShellStart {
  readonly asked: AskedSession;
  readonly opened: SessionOpened;
  readonly mode: ShellMode;
}

/** Say what begins. */
export function showStart({ stderr }: Io, { asked: { sandbox }, opened, mode }: ShellStart): void {
  const { tool, session, workspace = '' } = sandbox;
  const what = tool.name ?? tool.command?.[0] ?? '';
  stderr.write(
    [
      opened.isJoined ? 'Going on with the session that runs' : `Starting session ${session?.id ?? ''}`,
      `  Container: ${opened.instance}`,
      `  Workspace: ${printable(workspace)}`,
      `  Tool: ${printable(what)}`,
      `  Mode: ${modes[mode]}${sandbox.persistent ? ', persistent' : ''}`,
      '',
    ].join('\n'),
  );
}
