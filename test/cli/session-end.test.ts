import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Problem } from '../../src/base/problem.ts';
import type { Io } from '../../src/cli/io.ts';
import { endShown, type ShownSession } from '../../src/cli/session-end.ts';
import type { ControlApi } from '../../src/controller/control-api.ts';
import { SavedSessions } from '../../src/session/save/saved-sessions.ts';
import { openPeer } from './peer.ts';
import { status } from './reports.ts';

const id = '22222222-0000-4000-8000-000000000000';
const shown: ShownSession = { name: 'abc-1', instance: 'coi-abc-1', isKept: false, exitCode: 0 };
let home: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'coi-end-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** The saved sessions of a home directory, with one of this time that has data or none. */
async function savedAt(now: number, { container = shown.instance, hasData = true } = {}): Promise<SavedSessions> {
  const owner = { uid: process.geteuid!(), gid: process.getegid!(), home };
  const clock = { ...systemClock, now: () => now };
  const { signal } = new AbortController();
  const sessions = new SavedSessions({ place: { owner, tool: 'claude' }, clock, signal });
  await sessions.note({ id, container, persistent: false, workspace: '/w' });
  if (hasData) await mkdir(join(home, '.coi/sessions-claude', id, '.claude'));
  return sessions;
}

/** What is printed, and what is waited for. */
async function ended(more: Partial<ShownSession>, answers: Partial<ControlApi> = {}) {
  await using peer = await openPeer(answers);
  let printed = '';
  const stderr = { write: (text: string) => (printed += text), pass: async () => undefined, isTTY: false, columns: 80 };
  const io: Io = {
    stdin: Readable.from([]),
    stdout: stderr,
    stderr,
    terminal: undefined,
    env: peer.env,
    cwd: '/',
    signal: new AbortController().signal,
    clock: systemClock,
  };
  const code = await endShown(io, { ...shown, ...more });
  const goals = peer.asked.map(([, options]) => (options as { readonly goal?: string }).goal);
  return { code, printed, goals };
}

const listOf = (sessions: SavedSessions) => () => sessions.list();

describe('the end of a session', () => {
  it('says that it was saved, once nothing of it is left', async () => {
    const sessions = await savedAt(2_000);
    expect(await ended({ saved: { list: listOf(sessions), since: 1_000 } })).toEqual({
      code: 0,
      printed: 'Session data saved\nCleanup complete\n',
      goals: ['halted', 'gone'],
    });
  });

  it('does not say so of what was saved before, elsewhere, or without any data', async () => {
    for (const [now, how] of [
      [999, {}],
      [2_000, { container: 'coi-abc-2' }],
      [2_000, { hasData: false }],
    ] as const) {
      await rm(join(home, '.coi'), { recursive: true, force: true });
      const sessions = await savedAt(now, how);
      const { printed } = await ended({ saved: { list: listOf(sessions), since: 1_000 } });
      expect(printed).toBe('Cleanup complete\n');
    }
  });

  it('is over also where the saved ones cannot be read', async () => {
    const list = () => Promise.reject(new Problem({ code: 'session.link', message: 'a link' }));
    expect(await ended({ saved: { list, since: 0 } })).toMatchObject({ code: 0, printed: 'Cleanup complete\n' });
  });

  it('waits for no more than its container where nothing is saved', async () => {
    expect(await ended({})).toEqual({ code: 0, printed: 'Cleanup complete\n', goals: ['halted', 'away'] });
  });

  it('is told at once when it cannot be saved, and how to find out why', async () => {
    const [sandbox] = status.sandboxes;
    const condition = { type: 'Ready', status: 'False', reason: 'SaveFailed', message: 'full', since: '' };
    const awaitSandbox: ControlApi['awaitSandbox'] = async ({ goal }) =>
      goal === 'halted'
        ? { outcome: 'reached' }
        : { outcome: 'timeout', sandbox: { ...sandbox!, conditions: [condition] } };
    const sessions = await savedAt(2_000);
    const { code, printed, goals } = await ended({ saved: { list: listOf(sessions), since: 1_000 } }, { awaitSandbox });
    expect({ code, goals }).toEqual({ code: 0, goals: ['halted', 'gone'] });
    expect(printed).toMatch(/not gone yet.*coi why abc-1\n$/);
  });
});
