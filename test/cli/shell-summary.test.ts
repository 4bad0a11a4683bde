import { expect, it } from 'vitest';
import type { Io } from '../../src/cli/io.ts';
import { showStart, type ShellStart } from '../../src/cli/shell-summary.ts';
import type { SessionPart } from '../../src/spec/sandbox.ts';
import { sandbox } from '../plan/given.ts';

/** What is told of a session that begins. */
function told(part: Partial<SessionPart>, how: Partial<ShellStart['opened']> = {}): string[] {
  let text = '';
  const opened = { name: 'a', instance: 'coi-a', slot: 1, file: '/f', isReused: false, ...how };
  const asked = { sandbox: sandbox({ tool: { name: 'claude' }, workspace: '/w', session: { id: 'the-id', ...part } }) };
  const io = { stderr: { write: (each: string) => (text += each) } } as unknown as Io;
  showStart(io, { asked: asked as ShellStart['asked'], opened, mode: 'tmux' });
  return text.trimEnd().split('\n');
}

it('tells of a new session what it is, and of one that goes on also how', () => {
  expect(told({})).toEqual([
    'Starting session the-id',
    '  Container: coi-a',
    '  Workspace: /w',
    '  Tool: claude',
    '  Mode: Interactive (tmux)',
  ]);
  const [headline, ...rest] = told({ resumes: true });
  expect([headline, rest.at(-1)]).toEqual([
    'Resuming session the-id',
    '  Resume mode: from what was saved, in a new container',
  ]);
  expect(told({ resumes: true }, { isReused: true }).at(-1)).toBe('  Resume mode: in the container that was kept');
  expect(told({ resumes: true }, { isReused: true, isJoined: true })[0]).toBe('Going on with the session that runs');
});

it('says that it is bash that runs', () => {
  expect(told({ debug: true })).toContain('  Tool: bash');
});
