import { describe, expect, it } from 'vitest';
import { bedrockSwitch, isTrue, readClaudeSettings } from '../../../src/session/bedrock/bedrock-switch.ts';

const by = (settings: unknown, environment: Readonly<Record<string, string>> = {}) =>
  bedrockSwitch({ settings: readClaudeSettings(JSON.stringify(settings)), environment });

describe('bedrockSwitch()', () => {
  it.each([
    [{ env: { CLAUDE_CODE_USE_BEDROCK: '1' } }],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: 'True' } }],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: 1, OTHER: { odd: [] } } }],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: true }, anthropic: 'odd' }],
  ])('is the variable in the settings: %j', (settings) => {
    expect(by(settings)).toBe('CLAUDE_CODE_USE_BEDROCK in ~/.claude/settings.json');
  });

  it('is the variable that is handed over', () => {
    expect(by({}, { CLAUDE_CODE_USE_BEDROCK: '1' })).toContain('handed over');
  });

  it('is the key of the original', () => {
    expect(by({ anthropic: { apiProvider: 'bedrock' }, env: 3 })).toContain('anthropic.apiProvider');
  });

  it.each([
    [{}],
    [[]],
    [null],
    ['bedrock'],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: '0' } }],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: '' } }],
    [{ env: { CLAUDE_CODE_USE_BEDROCK: false } }],
    [{ CLAUDE_CODE_USE_BEDROCK: '1' }],
    [{ anthropic: { apiProvider: 'vertex' } }],
    [{ anthropic: { apiProvider: ['bedrock'] } }],
  ])('is off with %j', (settings) => {
    expect(by(settings, { CLAUDE_CODE_USE_BEDROCK: '0' })).toBeUndefined();
  });
});

describe('readClaudeSettings()', () => {
  it('reads nothing from what is not there, or is no table', () => {
    for (const text of [undefined, '', '{"env":', '7']) expect(readClaudeSettings(text)).toEqual({ env: {} });
  });

  it('gives variables as texts, and leaves out what is none', () => {
    expect(readClaudeSettings('{"env":{"AWS_REGION":"eu-west-1","N":2,"T":{},"L":[],"Z":null}}').env).toEqual({
      AWS_REGION: 'eu-west-1',
      N: '2',
    });
  });
});

describe('isTrue()', () => {
  it('knows yes by its words', () => {
    expect(['1', ' TRUE ', 'yes', 'on'].every(isTrue)).toBe(true);
    expect(['0', 'false', 'no', 'off', '', '2', undefined].some(isTrue)).toBe(false);
  });
});
