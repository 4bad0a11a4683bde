import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { Io } from '../../src/cli/io.ts';
import { untilStarted } from '../../src/cli/session-start.ts';
import type { ControlApi } from '../../src/controller/control-api.ts';
import { web } from './reports.ts';

const unprotected = {
  type: 'Protected',
  status: 'False',
  reason: 'PathUnusable',
  message: 'Not protected: .vscode: it is a symbolic link\u001B',
  since: '',
} as const;

/** What is printed when a session with these conditions has started. */
async function started(...conditions: (typeof web.conditions)[number][]): Promise<string> {
  let printed = '';
  const stderr = { write: (text: string) => (printed += text), isTTY: false };
  const io = { stderr, env: {}, clock: systemClock, signal: new AbortController().signal } as unknown as Io;
  const awaitSandbox = async () => ({ outcome: 'reached', sandbox: { ...web, conditions } }) as const;
  const opened = { name: 'web', instance: 'coi-web', slot: 1, file: '/x', isReused: false };
  await untilStarted({ awaitSandbox } as unknown as ControlApi, io, { opened, goal: 'running' });
  return printed;
}

describe('a session that has started', () => {
  it('is said to be unprotected where a path could not be protected', async () => {
    expect(await started(...web.conditions, unprotected)).toBe(
      'coi: warning: coi-web: Not protected: .vscode: it is a symbolic link\\x1b\n' +
        '  Put it right and start again; more: coi why web\n',
    );
  });

  it('is not mentioned otherwise', async () => {
    expect(await started(...web.conditions)).toBe('');
  });
});
