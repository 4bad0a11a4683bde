import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { formatLine } from '../../src/log/format.ts';
import { logLevelFrom, openLog } from '../../src/log/open-log.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'coi-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function openFile(options: { human?: boolean; level?: 'info' | 'debug' } = {}) {
  const path = join(dir, 'log');
  const log = openLog({ level: 'info', stream: { fd: openSync(path, 'a') }, ...options });
  return { log, text: () => readFileSync(path, 'utf8') };
}

describe('openLog()', () => {
  test('writes one JSON object a line, at once', () => {
    const { log, text } = openFile();
    log.info({ sandbox: 'web', durationMs: 12 }, 'step done');
    expect(JSON.parse(text())).toMatchObject({ sandbox: 'web', durationMs: 12, msg: 'step done', level: 30 });
  });

  test.each([
    [{ token: 'CANARY' }],
    [{ request: { authorization: 'CANARY' } }],
    [{ tool: { login: { password: 'CANARY' } } }],
    [{ environment: { API: 'CANARY' } }],
    [{ sandbox: { env: ['A=CANARY'] } }],
  ])('writes no secret: %o', (fields) => {
    const { log, text } = openFile();
    log.info(fields, 'something');
    expect(text()).toContain('[redacted]');
    expect(text()).not.toContain('CANARY');
  });

  test('writes a Problem without a stack, and a defect with one', () => {
    const { log, text } = openFile();
    const problem = new Problem({ code: 'a.b', message: 'It is so', hint: 'Do this', cause: new Error('deep') });
    log.warn({ problem }, 'step failed');
    log.error({ problem: new Error('oops') }, 'bug');
    const [first, second] = text()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { problem: object });
    expect(first?.problem).toEqual({
      code: 'a.b',
      message: 'It is so',
      hint: 'Do this',
      retry: 'never',
      cause: 'deep',
    });
    expect(second?.problem).toMatchObject({ message: 'oops', stack: expect.stringContaining('Error: oops') });
  });

  test('keeps quiet below its level', () => {
    const { log, text } = openFile();
    log.debug('detail');
    expect(text()).toBe('');
  });

  test('writes lines for people when asked to', () => {
    const { log, text } = openFile({ human: true });
    log.info({ sandbox: 'web', reason: 'two words' }, 'step done');
    expect(text()).toMatch(/^\d\d:\d\d:\d\d info {2}step done sandbox=web reason="two words"\n$/);
  });
});

describe('formatLine()', () => {
  test('lets no text steer the terminal', () => {
    const line = JSON.stringify({ level: 30, time: 0, msg: 'a\u001b[2Jb', field: 'c\u009bd' });
    const text = formatLine(line, { colour: false });
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u009b');
    expect(text).toContain('a\\x1b[2Jb');
  });

  test('colours only when told to', () => {
    const line = JSON.stringify({ level: 50, time: 0, msg: 'm' });
    expect(formatLine(line, { colour: true })).toContain('\u001b[');
    expect(formatLine(line, { colour: false })).not.toContain('\u001b[');
  });

  test('leaves what is not JSON as it is', () => {
    expect(formatLine('plain\n', { colour: false })).toBe('plain\n');
  });
});

describe('logLevelFrom()', () => {
  test('takes the variable before the setting', () => {
    expect(logLevelFrom({ COI_LOG_LEVEL: 'DEBUG' }, 'warn')).toBe('debug');
    expect(logLevelFrom({}, 'warn')).toBe('warn');
    expect(logLevelFrom({ COI_LOG_LEVEL: '' })).toBe('info');
  });

  test('refuses a level that there is not', () => {
    expect(() => logLevelFrom({ COI_LOG_LEVEL: 'loud' })).toThrow('COI_LOG_LEVEL is "loud", which is no level');
  });
});
