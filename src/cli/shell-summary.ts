import type { SessionOpened } from '../controller/session-api.ts';
import type { Sandbox, SessionPart } from '../spec/sandbox.ts';
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

function resumeMode({ isReused, isJoined }: SessionOpened): string {
  if (isJoined) return 'joined, in the container that runs';
  return isReused ? 'in the container that was kept' : 'from what was saved, in a new container';
}

/** Say what begins. */
export function showStart({ stderr }: Io, { asked: { sandbox }, opened, mode }: ShellStart): void {
  const { session, workspace = '', persistent } = sandbox;
  const lines = [
    headline(opened, session),
    `  Container: ${opened.instance}`,
    `  Workspace: ${printable(workspace)}`,
    `  Tool: ${printable(programOf(sandbox))}`,
    `  Mode: ${modes[mode]}${persistent ? ', persistent' : ''}`,
    ...(session?.resumes ? [`  Resume mode: ${resumeMode(opened)}`] : []),
  ];
  stderr.write(`${lines.join('\n')}\n`);
}

function headline({ isJoined }: SessionOpened, session: SessionPart | undefined): string {
  if (isJoined) return 'Going on with the session that runs';
  return `${session?.resumes ? 'Resuming' : 'Starting'} session ${session?.id ?? ''}`;
}

function programOf({ tool, session }: Sandbox): string {
  return session?.debug ? 'bash' : (tool.name ?? tool.command?.[0] ?? '');
}
